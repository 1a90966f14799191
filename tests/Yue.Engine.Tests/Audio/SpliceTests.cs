using Xunit;
using Yue.Engine.Audio;
using Yue.Testing;

namespace Yue.Engine.Tests.Audio;

public sealed class SpliceTests
{
    [Fact]
    [Trait("Category", Goldens.Category)]
    public void A_spliced_clip_equals_the_golden()
    {
        using var expected = new ExpectedValues("audio", "expected_audio.safetensors");
        var low = new AudioClip(expected.Floats("post.mix16k"), 16000);
        var high = new AudioClip(expected.Floats("post.vocoder44k"), 44100);

        var spliced = Splice.ReplaceLowFrequencies(low, high);

        Assert.Equal(44100, spliced.SampleRateHz);
        TensorAssert.Close(expected.Floats("post.out44k"), spliced.Samples, 1e-5, "spliced");
    }

    [Fact]
    public void Low_tones_come_from_one_clip_and_high_tones_and_the_level_from_the_other()
    {
        var low = new AudioClip(Signals.Sine(16000, 300, 16000, 0.1), 16000);
        float[] highTone = Signals.Sine(44100, 15000, 44100, 0.2), lowTone = Signals.Sine(44100, 700, 44100, 0.4);
        var high = new AudioClip(Mixer.Sum(highTone, lowTone), 44100);

        var spliced = Splice.ReplaceLowFrequencies(low, high).Samples;

        Assert.InRange(Level(spliced, 300), 0.38, 0.42);
        Assert.InRange(Level(spliced, 700), 0, 0.02);
        Assert.InRange(Level(spliced, 15000), 0.18, 0.22);
    }

    [Theory]
    [InlineData(320, 880)]
    [InlineData(310, 882)]
    [InlineData(0, 882)]
    [InlineData(0, 0)]
    public void The_spliced_clip_is_as_long_as_the_shorter_clip(int lowSamples, int highSamples)
    {
        var spliced = Splice.ReplaceLowFrequencies(
            new AudioClip(Signals.Noise(lowSamples, 0.3f), 16000), new AudioClip(Signals.Noise(highSamples, 0.3f), 44100));
        Assert.Equal(Math.Min((int)Math.Ceiling(lowSamples * 441 / 160.0), highSamples), spliced.Samples.Length);
        Assert.All(spliced.Samples, sample => Assert.True(float.IsFinite(sample)));
    }

    [Fact]
    public void Silence_in_either_clip_gives_samples_within_full_scale()
    {
        var (sound, silence) = (Signals.Noise(8820, 0.5f), new float[8820]);
        foreach (var (low, high) in (ReadOnlySpan<(float[], float[])>)[(silence, sound), (sound, silence), (silence, silence)])
        {
            var spliced = Splice.ReplaceLowFrequencies(new AudioClip(low[..3200], 16000), new AudioClip(high, 44100));
            Assert.All(spliced.Samples, sample => Assert.InRange(sample, -1f, 1f));
        }
    }

    /// <summary>Returns the amplitude of one frequency in the middle of a 44.1 kHz signal.</summary>
    private static double Level(ReadOnlySpan<float> samples, double frequencyHz)
    {
        double re = 0, im = 0;
        for (var i = 11025; i < 33075; i++)
        {
            var (sin, cos) = Math.SinCos(2 * Math.PI * frequencyHz * i / 44100);
            (re, im) = (re + (samples[i] * cos), im + (samples[i] * sin));
        }

        return 2 * Math.Sqrt((re * re) + (im * im)) / 22050;
    }
}
