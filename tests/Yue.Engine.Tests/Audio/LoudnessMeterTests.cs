using Xunit;
using Yue.Engine.Audio;
using Yue.Testing;

namespace Yue.Engine.Tests.Audio;

public sealed class LoudnessMeterTests
{
    /// <summary>BS.1770: a 997 Hz sine at full scale in one channel is -3.01 LUFS.</summary>
    [Theory]
    [InlineData(44_100, 1.0, -3.0, 0.0)]
    [InlineData(16_000, 1.0, -3.0, 0.0)]
    [InlineData(44_100, 0.1, -23.0, -20.0)]
    [InlineData(44_100, 2.0, 3.0, 6.0)]
    public async Task A_sine_measures_as_the_standard_says(int rateHz, double amplitude, double lufs, double peakDb)
    {
        Ffmpeg.SkipWithout();
        var clip = new AudioClip(Signals.Sine(5 * rateHz, 997, rateHz, amplitude), rateHz);
        var loudness = await new LoudnessMeter().MeasureAsync(clip, TestContext.Current.CancellationToken);
        Assert.Equal(lufs, loudness.IntegratedLufs, 0.11);
        Assert.Equal(peakDb, loudness.TruePeakDbtp, 0.15);
    }

    [Fact]
    public async Task Silence_is_silent_and_gets_no_gain()
    {
        Ffmpeg.SkipWithout();
        var loudness = await new LoudnessMeter()
            .MeasureAsync(new AudioClip(new float[44_100], 44_100), TestContext.Current.CancellationToken);
        Assert.True(loudness.IsSilent);
        Assert.Equal(0, loudness.GainDbTo(-14));
    }

    [Theory]
    [InlineData(-20, -10, -14, 6)]
    [InlineData(-20, -10, -30, -10)]
    [InlineData(-20, -3, -14, 2)]
    [InlineData(-10, 1, -10, -2)]
    public void The_gain_reaches_the_target_or_the_ceiling_of_the_peaks(double lufs, double peak, double target, double gain) =>
        Assert.Equal(gain, new Loudness(lufs, peak).GainDbTo(target), 9);
}
