using Yue.Engine.Layers;
using Yue.Engine.Tensors;
using Yue.Engine.Weights;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Yue.Engine.Families.Yue1.Codec;

/// <summary>The codec's HuBERT, which converts raw sound to the mean of all hidden states (docs/model.md 5.4). The model's
/// <see cref="WeightOwner"/> owns the weights.</summary>
internal sealed class HubertModel
{
    private const string Root = "semantic_model";

    private readonly Conv[] _convs;
    private readonly Tensor _groupNormWeight, _groupNormBias;
    private readonly double _eps;
    private readonly LayerNorm _featureNorm, _encoderNorm;
    private readonly Linear _projection;
    private readonly Conv _positions;
    private readonly Layer[] _layers;

    public HubertModel(ITensorSource source, HubertConfig config)
    {
        _eps = config.LayerNormEpsilon;
        _convs = new Conv[config.ConvStrides.Count];
        var channels = 1L;
        for (var i = 0; i < _convs.Length; i++)
        {
            _convs[i] = Conv.Plain(
                source,
                $"{Root}.feature_extractor.conv_layers.{i}.conv",
                channels,
                config.ConvChannels[i],
                config.ConvKernels[i],
                bias: false,
                config.ConvStrides[i],
                padding: 0);
            channels = config.ConvChannels[i];
        }

        _groupNormWeight = source.Read($"{Root}.feature_extractor.conv_layers.0.layer_norm.weight", _convs[0].Out);
        _groupNormBias = source.Read($"{Root}.feature_extractor.conv_layers.0.layer_norm.bias", _convs[0].Out);
        _featureNorm = new LayerNorm(source, $"{Root}.feature_projection.layer_norm", channels, _eps);
        _projection = new Linear(source, $"{Root}.feature_projection.projection", channels, config.HiddenSize);
        _positions = Conv.KernelNormed(
            source,
            $"{Root}.encoder.pos_conv_embed.conv",
            Out,
            config.PositionKernel,
            config.PositionGroups);
        _encoderNorm = new LayerNorm(source, $"{Root}.encoder.layer_norm", Out, _eps);
        _layers =
        [
            .. Enumerable.Range(0, config.Layers).Select(
                i => new Layer(source, $"{Root}.encoder.layers.{i}", config)),
        ];
    }

    /// <summary>The number of features per frame.</summary>
    public long Out => _projection.Out;

    /// <summary>Returns the number of frames for the given number of samples, which includes the padding.</summary>
    public long FrameCount(long samples) => _convs.Aggregate(samples, (length, conv) => conv.OutputLength(length));

    /// <summary>Computes [B, <see cref="FrameCount"/>, out] from [B, S], where S is large enough for one frame; the caller disposes the
    /// result.</summary>
    /// <remarks>The first norm computes its statistics over all of S, and attention spans all frames, so a clip must be encoded as a
    /// whole.</remarks>
    public Tensor Forward(Tensor wave)
    {
        using var scope = NewDisposeScope();
        var x = Features(wave);                                         // [B, T, conv channels]
        x = _projection.Forward(_featureNorm.Forward(x));               // [B, T, out]
        x = _encoderNorm.Forward(x.Plus(Positions(x)));
        var sum = x.clone();
        foreach (var layer in _layers)
        {
            x = layer.Forward(x);
            sum.add_(x, Scalars.One);
        }

        return sum.div_(Scalars.Of(_layers.Length + 1)).MoveToOuterDisposeScope();
    }

    private Tensor Features(Tensor wave)
    {
        using var scope = NewDisposeScope();
        var x = wave.unsqueeze(1).Then(_convs[0].Forward).Then(GroupNorm).Then(Gelu);
        x = _convs.Skip(1).Aggregate(x, (y, conv) => y.Then(conv.Forward).Then(Gelu));
        return x.transpose(1, 2).MoveToOuterDisposeScope();
    }

    /// <summary>Normalizes each channel with its mean and variance over time (one group per channel).</summary>
    private Tensor GroupNorm(Tensor x) => functional.group_norm(x, _convs[0].Out, _groupNormWeight, _groupNormBias, _eps);

    private static Tensor Gelu(Tensor x) => functional.gelu(x);

    private Tensor Positions(Tensor x)
    {
        using var scope = NewDisposeScope();
        var T = x.shape[1];
        var y = _positions.Forward(x.transpose(1, 2)).narrow(2, 0, T);  // an even kernel gives one frame too many
        return functional.gelu(y).transpose(1, 2).MoveToOuterDisposeScope();
    }

    /// <summary>A post-norm transformer layer, bidirectional and without a mask.</summary>
    private sealed class Layer
    {
        private readonly Linear _query, _key, _value, _output, _up, _down;
        private readonly LayerNorm _attentionNorm, _outputNorm;
        private readonly long _heads;

        public Layer(ITensorSource source, string name, HubertConfig config)
        {
            var (size, eps) = (config.HiddenSize, config.LayerNormEpsilon);
            _query = new Linear(source, name + ".attention.q_proj", size, size);
            _key = new Linear(source, name + ".attention.k_proj", size, size);
            _value = new Linear(source, name + ".attention.v_proj", size, size);
            _output = new Linear(source, name + ".attention.out_proj", size, size);
            _attentionNorm = new LayerNorm(source, name + ".layer_norm", size, eps);
            _up = new Linear(source, name + ".feed_forward.intermediate_dense", size, config.IntermediateSize);
            _down = new Linear(source, name + ".feed_forward.output_dense", _up.Out, size);
            _outputNorm = new LayerNorm(source, name + ".final_layer_norm", size, eps);
            _heads = config.Heads;
        }

        /// <summary>Maps [B, T, size] to the same shape; the caller disposes the result.</summary>
        public Tensor Forward(Tensor x)
        {
            using var scope = NewDisposeScope();
            var (B, T, size) = Shape.Dims3(x);
            Tensor Heads(Tensor y) => y.view(B, T, _heads, size / _heads).transpose(1, 2);

            // The default scale is 1/√(size/heads).
            using var attended = functional.scaled_dot_product_attention(
                Heads(_query.Forward(x)), Heads(_key.Forward(x)), Heads(_value.Forward(x)));  // [B, H, T, D]
            x = _attentionNorm.Forward(x.Plus(_output.Forward(attended.transpose(1, 2).reshape(B, T, size))));
            x = _outputNorm.Forward(x.Plus(_down.Forward(functional.gelu(_up.Forward(x)))));
            return x.MoveToOuterDisposeScope();
        }
    }
}
