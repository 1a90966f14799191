using Yue.Engine.Layers;
using Yue.Engine.Tensors;
using Yue.Engine.Weights;
using static TorchSharp.torch;

namespace Yue.Engine.Families.Yue1.Codec;

/// <summary>The decoder of the codec, which converts codes to an embedding, and the embedding to 16 kHz sound (docs/model.md 5.3, 5.6, 5.7,
/// 5.9).</summary>
/// <remarks>Owns its weights. Float32 on every device. Thread-safe on the CPU, not on a GPU.</remarks>
public sealed class CodecDecoder : IDisposable
{
    private const int EdgeKernel = 7;

    private readonly WeightOwner _weights;
    private readonly Parts _parts;

    /// <summary>Reads <c>quantizer.…embed</c>, <c>fc_post2</c> and <c>decoder_2</c>; sizes that the config does not contain are read from
    /// the shapes.</summary>
    /// <param name="source">The codec's state dict, as float32.</param>
    /// <param name="config">The config with the upsampling ratios and the sample rate.</param>
    public CodecDecoder(ITensorSource source, CodecConfig config)
    {
        FrameSamples = config.HopSamples;
        SampleRateHz = config.SampleRateHz;
        ContextFrames = Context(config.Ratios);
        (_weights, _parts) = WeightOwner.Load(source, () => new Parts(source, config));
    }

    /// <summary>Samples per frame: the product of the ratios.</summary>
    public int FrameSamples { get; }

    /// <summary>The rate of the decoded sound.</summary>
    public int SampleRateHz { get; }

    /// <summary>The size of the embedding.</summary>
    public long Channels => _parts.Quantizer.Channels;

    /// <summary>The number of frames on each side that a frame's samples can depend on, rounded up (11 for ratios 8, 5, 4, 2).</summary>
    public int ContextFrames { get; }

    /// <summary>Returns the summed codebook rows, the input of the decoder and the vocoders.</summary>
    /// <param name="codes">[Q, F], integer, on any device; row k holds the codes of codebook k.</param>
    /// <returns>[1, C, F], F32, on the codec's device; the caller disposes it.</returns>
    public Tensor Embed(Tensor codes)
    {
        using var gradients = no_grad();
        return _parts.Quantizer.Decode(codes);
    }

    /// <summary>Decodes an embedding in one piece. The sound is neither limited nor clamped.</summary>
    /// <param name="embedding">[1, C, F], F32, on the codec's device.</param>
    /// <returns>[1, <see cref="FrameSamples"/> · F], F32; the caller disposes it.</returns>
    public Tensor Decode(Tensor embedding)
    {
        var (_, _, F) = Shape.Dims3(embedding);
        Shape.Expect(embedding, [1, Channels, F]);
        using var gradients = no_grad();
        using var scope = NewDisposeScope();
        if (F == 0)
        {
            return zeros([1, 0], ScalarType.Float32, embedding.device).MoveToOuterDisposeScope();
        }

        var x = _parts.Projection.ForwardChannels(embedding).Then(_parts.First.Forward);
        x = _parts.Blocks.Aggregate(x, (y, block) => block.Forward(y));
        return x.Then(_parts.Snake.Forward).Then(_parts.Last.Forward).squeeze(1).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose() => _weights.Dispose();

    /// <summary>Returns <see cref="ContextFrames"/>: walks back from a sample to the frames it can depend on, rounding up at every
    /// step.</summary>
    private static int Context(IReadOnlyList<int> ratios)
    {
        var reach = EdgeKernel / 2;
        foreach (var stride in ratios.Reverse())
        {
            reach += ResidualUnit.Dilations.Sum(ResidualUnit.Reach);

            // Output o of a transposed convolution with kernel 2s and padding p depends on inputs (o + p - 2s + 1)/s to (o + p)/s.
            var padding = UpsamplingConv.Padding(stride);
            reach += Math.Max(padding, (2 * stride) - 1 - padding);
            reach = (reach + stride - 1) / stride;
        }

        return reach + (EdgeKernel / 2);
    }

    private sealed class Parts
    {
        public Parts(ITensorSource source, CodecConfig config)
        {
            var ratios = config.Ratios;
            Quantizer = new ResidualQuantizer(source, config);
            Projection = new Linear(source, "fc_post2", Quantizer.Channels, config.LatentChannels);
            First = Conv.WeightNormed(source, "decoder_2.model.0", config.LatentChannels, EdgeKernel, padding: EdgeKernel / 2);
            Blocks = new DecoderBlock[ratios.Count];
            var channels = First.Out;
            for (var i = 0; i < Blocks.Length; i++)
            {
                Blocks[i] = new DecoderBlock(source, $"decoder_2.model.{i + 1}", channels, ratios[i]);
                channels = Blocks[i].Out;
            }

            Snake = new Snake(source, $"decoder_2.model.{ratios.Count + 1}", channels);
            Last = Conv.WeightNormed(
                source, $"decoder_2.model.{ratios.Count + 2}", channels, EdgeKernel, padding: EdgeKernel / 2, outputs: 1);
        }

        public ResidualQuantizer Quantizer { get; }

        public Linear Projection { get; }

        public Conv First { get; }

        public DecoderBlock[] Blocks { get; }

        public Snake Snake { get; }

        public Conv Last { get; }
    }

    /// <summary>Snake, upsampling by the stride, three residual units.</summary>
    private sealed class DecoderBlock
    {
        private readonly Snake _snake;
        private readonly UpsamplingConv _up;
        private readonly ResidualUnit[] _units;

        public DecoderBlock(ITensorSource source, string name, long channels, int stride)
        {
            _snake = new Snake(source, name + ".block.0", channels);
            _up = new UpsamplingConv(source, name + ".block.1", channels, stride);
            _units =
            [
                .. ResidualUnit.Dilations.Select(
                    (dilation, i) => new ResidualUnit(source, $"{name}.block.{i + 2}", _up.Out, dilation)),
            ];
        }

        public long Out => _up.Out;

        /// <summary>Computes [B, out, stride · T] from [B, in, T], which is disposed; the caller disposes the result.</summary>
        public Tensor Forward(Tensor x) =>
            _units.Aggregate(x.Then(_snake.Forward).Then(_up.Forward), (y, unit) => y.Then(unit.Forward));
    }
}
