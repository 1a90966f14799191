using Yue.Engine.Audio;
using Yue.Engine.Families.Yue1.Codec;
using Yue.Engine.Families.Yue1.Vocoder;
using Yue.Engine.Weights;
using static TorchSharp.torch;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace Yue.Engine.Families.Yue1.SelfCheck;

/// <summary>The codec and the vocoders of a folder in float32 on the CPU, and the figures that are measured with them.</summary>
internal sealed class SoundFigures : IDisposable
{
    private readonly CodecEncoder _encoder;
    private readonly CodecDecoder _decoder;
    private readonly Vocos _vocal;
    private readonly Vocos _instrumental;

    public SoundFigures(string folder)
    {
        var codec = CodecConfig.Load(folder);
        var vocos = VocosConfig.Load(folder);
        try
        {
            using var checkpoint = TorchCheckpoint.Open(Path.Combine(folder, "final_ckpt", "ckpt_00360000.pth"), "codec_model");
            var source = new CheckpointTensors(checkpoint, ScalarType.Float32);
            _encoder = new CodecEncoder(source, codec, HubertConfig.Load(folder));
            _decoder = new CodecDecoder(source, codec);
            _vocal = Vocoder(folder, "decoder_131000.pth", vocos);
            _instrumental = Vocoder(folder, "decoder_151000.pth", vocos);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Returns the codebook-0 codes of a clip.</summary>
    public int[] Codebook0(short[] samples, int sampleRateHz, double bandwidthKbps) =>
        Codebook0(RecipeClips.Floats(samples), sampleRateHz, bandwidthKbps);

    /// <summary>Returns the codebook-0 codes of the mean of two channels.</summary>
    public int[] Codebook0(short[] left, short[] right, int sampleRateHz, double bandwidthKbps) =>
        Codebook0([.. left.Zip(right, (l, r) => ((l / 32768f) + (r / 32768f)) / 2)], sampleRateHz, bandwidthKbps);

    /// <summary>Returns the peak of the first frames of a clip after encoding and decoding, without limiting.</summary>
    public float DecodedPeak(float[] clip, double bandwidthKbps, int frames)
    {
        using var codes = Codes(clip, bandwidthKbps, frames);
        return PeakOf(Decode(codes));
    }

    /// <summary>Returns the peaks at each step from the codes of two tracks to the song (docs/model.md 7).</summary>
    public PeakFigures Peaks(float[] vocalClip, float[] instrumentalClip, double bandwidthKbps, int frames)
    {
        using var vocalCodes = Codes(vocalClip, bandwidthKbps, frames);
        using var instrumentalCodes = Codes(instrumentalClip, bandwidthKbps, frames);
        var (vocal16, instrumental16) = (Decode(vocalCodes), Decode(instrumentalCodes));
        var (vocal44, instrumental44) = (Vocode(vocalCodes, _vocal), Vocode(instrumentalCodes, _instrumental));
        var (peak16, peakOther16) = (PeakOf(vocal16), PeakOf(instrumental16));
        Mixer.Clamp(vocal16);
        Mixer.Clamp(instrumental16);
        var mix16 = new AudioClip(Mixer.Sum(vocal16, instrumental16), _decoder.SampleRateHz);
        var rateHz = _decoder.SampleRateHz / _decoder.FrameSamples * _vocal.FrameSamples;
        var mix44 = Mixer.Sum(vocal44, instrumental44);
        var mixPeak = PeakOf(mix44);
        var gain = Math.Min(Mixer.Limit / mixPeak, 1);
        var rescaled = Array.ConvertAll(mix44, sample => sample * gain);
        var clamped = mix44.ToArray();
        Mixer.Clamp(clamped);
        return new PeakFigures
        {
            Vocal16 = peak16,
            Instrumental16 = peakOther16,
            Vocal44 = PeakOf(vocal44),
            Instrumental44 = PeakOf(instrumental44),
            CodecMix = PeakOf(mix16.Samples),
            VocoderMix = mixPeak,
            FinalClamped = PeakOf(Splice.ReplaceLowFrequencies(mix16, new AudioClip(clamped, rateHz)).Samples),
            FinalRescaled = PeakOf(Splice.ReplaceLowFrequencies(mix16, new AudioClip(rescaled, rateHz)).Samples),
        };
    }

    public void Dispose()
    {
        // A member is null if the constructor threw before setting it.
        _encoder?.Dispose();
        _decoder?.Dispose();
        _vocal?.Dispose();
        _instrumental?.Dispose();
    }

    private static Vocos Vocoder(string folder, string file, VocosConfig config)
    {
        using var checkpoint = TorchCheckpoint.Open(Path.Combine(folder, "decoders", file), null);
        return new Vocos(new CheckpointTensors(checkpoint, ScalarType.Float32), config);
    }

    private int[] Codebook0(float[] samples, int sampleRateHz, double bandwidthKbps)
    {
        using var scope = NewDisposeScope();
        var wave = tensor(new Resampler(sampleRateHz, _encoder.SampleRateHz).Apply(samples));
        return Array.ConvertAll(_encoder.Encode(wave, bandwidthKbps)[0].contiguous().data<long>().ToArray(), code => (int)code);
    }

    /// <summary>Returns codes [Q, frames]; the caller disposes them.</summary>
    private Tensor Codes(float[] clip, double bandwidthKbps, int frames)
    {
        using var scope = NewDisposeScope();
        return _encoder.Encode(tensor(clip), bandwidthKbps).narrow(1, 0, frames).contiguous().MoveToOuterDisposeScope();
    }

    private float[] Decode(Tensor codes)
    {
        using var embedding = _decoder.Embed(codes);
        using var wave = _decoder.Decode(embedding);
        return wave.data<float>().ToArray();
    }

    private float[] Vocode(Tensor codes, Vocos vocoder)
    {
        using var embedding = _decoder.Embed(codes);
        using var wave = vocoder.Decode(embedding);
        return wave.contiguous().data<float>().ToArray();
    }

    private static float PeakOf(float[] samples) => Math.Abs(TensorPrimitives.MaxMagnitude<float>(samples));
}
