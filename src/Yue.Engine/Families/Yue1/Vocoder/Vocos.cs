using Yue.Engine.Layers;
using Yue.Engine.Tensors;
using Yue.Engine.Weights;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Yue.Engine.Families.Yue1.Vocoder;

/// <summary>The vocoder of one track, which converts the codec's embedding to 44.1 kHz sound (docs/model.md 6).</summary>
/// <remarks>Owns its weights. Computes in float32 on every device. Thread-safe on the CPU, not on a GPU.</remarks>
public sealed class Vocos : IDisposable
{
    private const int Kernel = 7;
    private const double NormEps = 1e-6;
    private const double MaxMagnitude = 100;

    private readonly VocosConfig _config;
    private readonly WeightOwner _weights;
    private readonly Parts _parts;

    /// <summary>Reads a vocoder checkpoint.</summary>
    /// <param name="source">The flat state dict, as float32.</param>
    /// <param name="config">The vocoder's dimensions.</param>
    public Vocos(ITensorSource source, VocosConfig config)
    {
        _config = config;
        (_weights, _parts) = WeightOwner.Load(source, () => new Parts(source, config));
    }

    /// <summary>The number of samples per frame.</summary>
    public int FrameSamples => _config.HopSamples;

    /// <summary>The number of frames on each side that a frame's samples can depend on, through the convolutions and through overlapping
    /// windows (29 for 8 layers and windows of 4 hops).</summary>
    public int ContextFrames =>
        (Kernel / 2 * (_config.Layers + 1)) + ((Trim + _config.HopSamples - 1) / _config.HopSamples);

    /// <summary>The number of samples cut off at each end, so that a frame gives exactly one hop.</summary>
    private int Trim => (_config.FftSamples - _config.HopSamples) / 2;

    /// <summary>Decodes an embedding in one piece. The sound is not clamped.</summary>
    /// <param name="embedding">[1, C, F], F32, on the vocoder's device, from <c>CodecDecoder.Embed</c>.</param>
    /// <returns>[1, <see cref="FrameSamples"/> · F], F32; the caller disposes it.</returns>
    public Tensor Decode(Tensor embedding)
    {
        var (_, _, F) = Shape.Dims3(embedding);
        Shape.Expect(embedding, [1, _config.InputChannels, F]);
        using var gradients = no_grad();
        using var scope = NewDisposeScope();
        if (F == 0)
        {
            return zeros([1, 0], ScalarType.Float32, embedding.device).MoveToOuterDisposeScope();
        }

        return Synthesize(Spectrum(embedding)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose() => _weights.Dispose();

    /// <summary>Computes [F, n_fft/2 + 1] complex from [1, C, F].</summary>
    private Tensor Spectrum(Tensor embedding)
    {
        using var scope = NewDisposeScope();
        var x = _parts.Norm.Forward(_parts.Embed.Forward(embedding).transpose(1, 2));  // [1, F, dim]
        foreach (var layer in _parts.Layers)
        {
            x = layer.Forward(x);
        }

        var bins = (_config.FftSamples / 2) + 1;
        var head = _parts.Head.Forward(_parts.FinalNorm.Forward(x)).squeeze(0);         // [F, 2 · bins]
        var magnitude = head.narrow(1, 0, bins).exp().clamp_(max: Scalars.Of(MaxMagnitude));
        var phase = head.narrow(1, bins, bins);
        var imaginary = magnitude * phase.sin();

        // The first and last bin of a real signal have no imaginary part. Some transforms ignore it; others require it to be 0.
        imaginary[.., 0] = 0;
        imaginary[.., bins - 1] = 0;
        return complex(magnitude * phase.cos(), imaginary).MoveToOuterDisposeScope();
    }

    /// <summary>Applies the inverse transform, window, overlap-add, and division by the overlapped squared window.</summary>
    private Tensor Synthesize(Tensor spectrum)
    {
        using var scope = NewDisposeScope();
        var F = spectrum.shape[0];
        var frames = fft.irfft(spectrum, _config.FftSamples).mul_(_parts.Window);       // [F, n_fft]
        var envelope = OverlapAdd((_parts.Window * _parts.Window).unsqueeze(0).expand(F, _config.FftSamples));
        return OverlapAdd(frames).div_(envelope).unsqueeze(0).MoveToOuterDisposeScope();
    }

    /// <summary>Computes [hop · F] from [F, n_fft]: adds frame f at sample f · hop, then trims both ends.</summary>
    private Tensor OverlapAdd(Tensor frames)
    {
        using var scope = NewDisposeScope();
        var (F, length) = Shape.Dims2(frames);
        long hop = _config.HopSamples;
        var hops = (length + hop - 1) / hop;
        var parts = functional.pad(frames, [0, (hops * hop) - length]).view(F, hops, hop);
        var sum = zeros([F + hops - 1, hop], frames.dtype, frames.device);
        for (var i = 0; i < hops; i++)
        {
            sum.narrow(0, i, F).add_(parts.select(1, i), Scalars.One);
        }

        return sum.view(-1).narrow(0, Trim, F * hop).MoveToOuterDisposeScope();
    }

    private sealed class Parts
    {
        public Parts(ITensorSource source, VocosConfig config)
        {
            Embed = Conv.Plain(source, "backbone.embed", config.InputChannels, config.Channels, Kernel);
            Norm = new LayerNorm(source, "backbone.norm", config.Channels, NormEps);
            Layers = [.. Enumerable.Range(0, config.Layers).Select(i => new Layer(source, $"backbone.convnext.{i}", config))];
            FinalNorm = new LayerNorm(source, "backbone.final_layer_norm", config.Channels, NormEps);
            Head = new Linear(source, "head.out", config.Channels, config.FftSamples + 2);
            Window = source.Read("head.istft.window", config.FftSamples);
        }

        public Conv Embed { get; }

        public LayerNorm Norm { get; }

        public Layer[] Layers { get; }

        public LayerNorm FinalNorm { get; }

        public Linear Head { get; }

        public Tensor Window { get; }
    }

    /// <summary>A ConvNeXt block: depthwise convolution, layer norm, two linear maps with GELU in between, a gain, and the residual
    /// sum.</summary>
    private sealed class Layer
    {
        private readonly Conv _depthwise;
        private readonly LayerNorm _norm;
        private readonly Linear _up, _down;
        private readonly Tensor _gamma;

        public Layer(ITensorSource source, string name, VocosConfig config)
        {
            var channels = config.Channels;
            _depthwise = Conv.Plain(source, name + ".dwconv", channels, channels, Kernel, groups: channels);
            _norm = new LayerNorm(source, name + ".norm", channels, NormEps);
            _up = new Linear(source, name + ".pwconv1", channels, config.IntermediateChannels);
            _down = new Linear(source, name + ".pwconv2", config.IntermediateChannels, channels);
            _gamma = source.Read(name + ".gamma", channels);
        }

        /// <summary>Maps [1, F, dim] to the same shape; the caller disposes the result.</summary>
        public Tensor Forward(Tensor x)
        {
            using var scope = NewDisposeScope();
            var y = _depthwise.Forward(x.transpose(1, 2)).transpose(1, 2);
            y = _down.Forward(functional.gelu(_up.Forward(_norm.Forward(y))));
            return x.addcmul(y, _gamma, Scalars.One).MoveToOuterDisposeScope();
        }
    }
}
