using Xunit;
using Yue.Engine.Audio;
using Yue.Engine.Separation;
using Yue.Engine.Tests.Audio;
using Yue.Engine.Weights;
using Yue.Testing;

namespace Yue.Engine.Tests.Separation;

/// <summary>Tests the separator with generated networks that have known results.</summary>
public sealed class MdxSeparatorTests : IDisposable
{
    private const int FftSize = 2048;
    private const int Bins = (FftSize / 2) + 1;
    private const int Frames = 16;

    private readonly string _file = Path.GetTempFileName();

    public void Dispose() => File.Delete(_file);

    [Theory]
    [InlineData(1, true)]
    [InlineData(15_360, true)]
    [InlineData(100_003, true)]
    [InlineData(100_003, false)]
    public void A_network_that_passes_everything_returns_the_mix(int samples, bool isVocal)
    {
        using var separator = Open(OnnxGraph.Identity(1, 4, Bins, Frames), isVocal);
        var (left, right) = (Signals.Noise(samples, 0.5f, seed: 1), Signals.Noise(samples, 0.5f, seed: 2));
        var mix = new DecodedSound([left, right], 44_100, 1);
        var (vocal, instrumental) = separator.Separate(mix, TestContext.Current.CancellationToken);
        var (passed, other) = isVocal ? (vocal, instrumental) : (instrumental, vocal);
        Assert.Equal(44_100, passed.SampleRateHz);
        TensorAssert.Close(mix.ToMono().Samples, passed.Samples, 1e-4);
        TensorAssert.Close(new float[samples], other.Samples, 1e-4);
    }

    [Fact]
    public void A_network_that_passes_low_bins_splits_two_tones()
    {
        var low = Enumerable.Range(0, Bins).Select(bin => bin < 100 ? 1f : 0f).ToArray();    // 2.15 kHz
        using var separator = Open(OnnxGraph.Mask([1, 4, Bins, Frames], low));
        float[] bass = Signals.Sine(60_000, 440, 44_100, 0.4), treble = Signals.Sine(60_000, 5000, 44_100, 0.3);
        float[] sum = [.. bass.Zip(treble, (a, b) => a + b)];
        var (vocal, instrumental) = separator.Separate(new DecodedSound([sum], 44_100, 1), TestContext.Current.CancellationToken);

        // The ends are not compared, because tones that start and stop abruptly contain all frequencies.
        TensorAssert.Close(bass.AsSpan(4096..^4096), vocal.Samples.AsSpan(4096..^4096), 2e-3);
        TensorAssert.Close(treble.AsSpan(4096..^4096), instrumental.Samples.AsSpan(4096..^4096), 2e-3);
    }

    [Fact]
    public void Frequencies_above_the_bins_of_the_network_are_in_the_other_stem()
    {
        using var separator = Open(OnnxGraph.Identity(1, 4, 512, Frames));      // up to 11 kHz
        var tone = Signals.Sine(40_000, 15_000, 44_100, 0.5);
        var (vocal, instrumental) = separator.Separate(new DecodedSound([tone], 44_100, 1), TestContext.Current.CancellationToken);
        Assert.InRange(vocal.Samples.Skip(4096).SkipLast(4096).Max(Math.Abs), 0, 2e-3f);
        TensorAssert.Close(tone.AsSpan(4096..^4096), instrumental.Samples.AsSpan(4096..^4096), 2e-3);
    }

    [Fact]
    public void Sound_is_resampled_to_the_rate_of_the_network()
    {
        using var separator = Open(OnnxGraph.Identity(1, 4, Bins, Frames));
        var (vocal, _) = separator.Separate(new DecodedSound([Signals.Noise(16_000)], 16_000, 1), TestContext.Current.CancellationToken);
        Assert.Equal((44_100, 44_100), (vocal.SampleRateHz, vocal.Samples.Length));
    }

    [Fact]
    public void A_network_of_the_wrong_shape_is_refused_and_both_shapes_are_named()
    {
        Refused(OnnxGraph.Identity(1, 2, Bins, Frames), "[1, 2, 1025, 16]", "[1, 4, at most 1025, at least 6]");
        Refused(OnnxGraph.Identity(1, 4, 2000, Frames), "[1, 4, 2000, 16]", "at most 1025");
        Refused(OnnxGraph.Identity(1, 4, Bins, 5), "at least 6");
        Refused(OnnxGraph.Identity(4, Bins, Frames), "[4, 1025, 16]");
        Refused(OnnxGraph.Mislabeled([1, 4, Bins, Frames], [1, 4, Frames, Bins]), "[1, 4, 1025, 16]", "[1, 4, 16, 1025]");
        Refused("not a network"u8.ToArray(), "cannot be loaded");
        Refused([], "cannot be loaded");
    }

    private void Refused(byte[] model, params string[] says)
    {
        var error = Assert.Throws<CheckpointException>(() => Open(model).Dispose());
        Assert.All(says, text => Assert.Contains(text, error.Message, StringComparison.Ordinal));
    }

    private MdxSeparator Open(byte[] model, bool isVocal = true)
    {
        File.WriteAllBytes(_file, model);
        return new MdxSeparator(_file, FftSize, isVocal);
    }
}
