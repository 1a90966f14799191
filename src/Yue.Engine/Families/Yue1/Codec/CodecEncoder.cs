using Yue.Engine.Layers;
using Yue.Engine.Tensors;
using Yue.Engine.Weights;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Yue.Engine.Families.Yue1.Codec;

/// <summary>The encoder of the codec, which converts 16 kHz sound to codes (docs/model.md 5.8).</summary>
/// <remarks>Owns its weights. Computes in float32 on every device. A clip is encoded in one piece because the semantic model attends to all
/// of it, so the memory used grows with the clip's length. Thread-safe on the CPU, not on a GPU.</remarks>
public sealed class CodecEncoder : IDisposable
{
    private readonly WeightOwner _weights;
    private readonly Parts _parts;
    private readonly CodecConfig _config;

    /// <summary>Reads <c>encoder</c>, <c>semantic_model</c>, <c>encoder_semantic</c>, <c>fc_prior</c> and <c>quantizer.…embed</c>. Sizes
    /// that the configs do not contain are taken from the shapes of the tensors.</summary>
    /// <param name="source">The codec's state dict, as float32.</param>
    /// <param name="config">The config with the strides and the sample rate.</param>
    /// <param name="hubert">The semantic model's dimensions.</param>
    public CodecEncoder(ITensorSource source, CodecConfig config, HubertConfig hubert)
    {
        _config = config;
        (_weights, _parts) = WeightOwner.Load(source, () => new Parts(source, config, hubert));
    }

    /// <summary>The required sample rate of a wave.</summary>
    public int SampleRateHz => _config.SampleRateHz;

    /// <summary>Returns the number of frames that the acoustic encoder makes from an unpadded wave (docs/model.md 5.2).</summary>
    public long AcousticFrames(long samples) => _parts.Acoustic.FrameCount(samples);

    /// <summary>Returns the number of frames that encoding a wave produces (docs/model.md 5.4).</summary>
    public long FrameCount(long samples) => _parts.Hubert.FrameCount(samples + (2 * Pad));

    /// <summary>Returns the number of code rows for a bandwidth (docs/model.md 4).</summary>
    /// <exception cref="ArgumentOutOfRangeException">The bandwidth is not positive or exceeds the codec's largest bandwidth.</exception>
    public int StagesOf(double bandwidthKbps)
    {
        var largest = _config.BandwidthsKbps[^1];
        return bandwidthKbps > 0 && bandwidthKbps <= largest
            ? _config.CodebooksFor(bandwidthKbps)
            : throw new ArgumentOutOfRangeException(
                nameof(bandwidthKbps), bandwidthKbps, $"the bandwidth must be above 0 and at most {largest} kbit/s");
    }

    /// <summary>Returns the codes of a wave.</summary>
    /// <param name="wave">[S], F32, at <see cref="SampleRateHz"/>, on any device; S may be 0.</param>
    /// <param name="bandwidthKbps">Determines the number of rows: <see cref="StagesOf"/>.</param>
    /// <returns>[Q, <see cref="FrameCount"/>], I64, on the codec's device; the caller disposes it.</returns>
    public Tensor Encode(Tensor wave, double bandwidthKbps)
    {
        Shape.Expect(wave, [wave.numel()]);
        var stages = StagesOf(bandwidthKbps);
        var device = _parts.Prior.Device;
        using var gradients = no_grad();
        using var scope = NewDisposeScope();
        if (FrameCount(wave.numel()) == 0)
        {
            return zeros([stages, 0], ScalarType.Int64, device).MoveToOuterDisposeScope();
        }

        var plain = wave.to(ScalarType.Float32).to(device).view(1, 1, -1);
        var padded = functional.pad(plain, [Pad, Pad]);
        var semantic = Semantic(padded);                                // [1, C_sem, F]
        var acoustic = Acoustic(plain, padded);                         // [1, C_ac, F]
        var joined = cat([acoustic, semantic], dim: 1).transpose(1, 2); // [1, F, C]
        return _parts.Quantizer.Encode(_parts.Prior.Forward(joined).squeeze(0), stages).MoveToOuterDisposeScope();
    }

    /// <summary>Returns the semantic model's features of a wave: the mean of its hidden states (docs/model.md 5.4).</summary>
    /// <param name="wave">[S], F32, at <see cref="SampleRateHz"/>, long enough for one frame.</param>
    /// <returns>[<see cref="FrameCount"/>, C], F32; the caller disposes it.</returns>
    public Tensor SemanticFeatures(Tensor wave)
    {
        Shape.Expect(wave, [wave.numel()]);
        using var gradients = no_grad();
        using var scope = NewDisposeScope();
        var padded = functional.pad(wave.to(ScalarType.Float32).to(_parts.Prior.Device).view(1, -1), [Pad, Pad]);
        return _parts.Hubert.Forward(padded).squeeze(0).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose() => _weights.Dispose();

    private long Pad => _config.HopSamples / 2;

    private Tensor Semantic(Tensor padded)
    {
        using var scope = NewDisposeScope();
        var features = _parts.Hubert.Forward(padded.squeeze(1));        // [1, F, C_sem]
        return _parts.Semantic.Forward(features.transpose(1, 2)).MoveToOuterDisposeScope();
    }

    /// <summary>Returns the acoustic features of the plain wave, or of the padded wave if the plain one would not give as many frames as
    /// the semantic encoder returns. The lengths are known beforehand, so only one pass is run.</summary>
    private Tensor Acoustic(Tensor plain, Tensor padded)
    {
        var frames = FrameCount(plain.numel());
        return _parts.Acoustic.Forward(AcousticFrames(plain.numel()) == frames ? plain : padded);
    }

    private sealed class Parts
    {
        public Parts(ITensorSource source, CodecConfig config, HubertConfig hubert)
        {
            Acoustic = new AcousticEncoder(source, config);
            Hubert = new HubertModel(source, hubert);
            Semantic = new SemanticEncoder(source, hubert.HiddenSize);
            Quantizer = new ResidualQuantizer(source, config);
            Prior = new Linear(source, "fc_prior", config.LatentChannels + hubert.HiddenSize, Quantizer.Channels);
        }

        public AcousticEncoder Acoustic { get; }

        public HubertModel Hubert { get; }

        public SemanticEncoder Semantic { get; }

        public ResidualQuantizer Quantizer { get; }

        public Linear Prior { get; }
    }
}
