using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Xunit;
using Yue.Engine.Audio;
using Yue.Testing;

namespace Yue.Engine.Tests.Audio;

public sealed partial class LoudnessMeterTests
{
    private const int RateHz = 48_000;

    /// <summary>BS.1770: a 997 Hz sine at full scale in one channel is -3.01 LUFS.</summary>
    [Theory]
    [InlineData(48_000, 1.0, -3.01, 0.0)]
    [InlineData(44_100, 1.0, -3.01, 0.0)]
    [InlineData(16_000, 1.0, -3.01, 0.0)]
    [InlineData(44_100, 0.1, -23.01, -20.0)]
    [InlineData(44_100, 2.0, 3.01, 6.02)]
    public void A_sine_has_the_loudness_that_the_standard_states(int rateHz, double amplitude, double lufs, double peakDb)
    {
        var loudness = LoudnessMeter.Measure(new AudioClip(Signals.Sine(5 * rateHz, 997, rateHz, amplitude), rateHz));
        Assert.Equal(lufs, loudness.IntegratedLufs, 0.05);
        Assert.Equal(peakDb, loudness.TruePeakDbtp, 0.1);
    }

    /// <summary>The sequences of EBU Tech 3341, test cases 3 to 5. In cases 3 and 4, the quiet passages are ignored.</summary>
    [Theory]
    [InlineData("-36 10, -23 60, -36 10")]
    [InlineData("-72 10, -36 10, -23 60, -36 10, -72 10")]
    [InlineData("-26 20, -20 20.1, -26 20")]
    public void Only_very_quiet_passages_are_gated(string sequence)
    {
        var samples = sequence.Split(", ").SelectMany(part =>
        {
            var numbers = part.Split(' ').Select(number => double.Parse(number, CultureInfo.InvariantCulture)).ToArray();
            return Signals.Sine((int)(numbers[1] * RateHz), 1_000, RateHz, Math.Pow(10, numbers[0] / 20));
        });

        // The test cases have two channels with the same sound. This clip has one, which lowers the loudness by 3.01 LU.
        Assert.Equal(-23 - 3.01, LoudnessMeter.Integrated(new AudioClip([.. samples], RateHz)), 0.1);
    }

    [Fact]
    public void Two_equal_channels_are_3_LU_louder_than_one_with_the_same_peak()
    {
        const int RateHz = 48_000;
        var sine = Signals.Sine(5 * RateHz, 997, RateHz, 0.1);
        var mono = LoudnessMeter.Measure(new AudioClip(sine, RateHz));
        var both = LoudnessMeter.Measure(new AudioClip([.. sine.SelectMany(x => new[] { x, x })], RateHz, Channels: 2));
        var left = LoudnessMeter.Measure(new AudioClip([.. sine.SelectMany(x => new[] { x, 0 })], RateHz, Channels: 2));
        Assert.Equal(mono.IntegratedLufs + 3.01, both.IntegratedLufs, 0.01);
        Assert.Equal(mono, left);
        Assert.Equal(mono.TruePeakDbtp, both.TruePeakDbtp);
    }

    /// <summary>EBU Tech 3341, test case 16: the samples of a sine at a quarter of the sample rate miss its peaks by 3 dB.</summary>
    [Fact]
    public void A_peak_between_the_samples_is_found()
    {
        var samples = Enumerable.Range(0, RateHz).Select(i => (float)(0.5 * Math.Sin((Math.PI / 2 * i) + (Math.PI / 4)))).ToArray();
        Assert.Equal(-9.03, 20 * Math.Log10(samples.Max()), 0.01);
        Assert.Equal(-6.02, LoudnessMeter.TruePeak(new AudioClip(samples, RateHz)), 0.4);
    }

    [Theory]
    [InlineData(44_100)]
    [InlineData(16_000)]
    public async Task The_loudness_and_peak_equal_those_measured_by_ffmpeg(int rateHz)
    {
        Ffmpeg.SkipWithout();
        var random = new Random(5);
        var samples = new float[10 * rateHz];
        var low = 0.0;
        for (var i = 0; i < samples.Length; i++)
        {
            low += 0.05 * ((random.NextDouble() * 2) - 1 - low);
            samples[i] = (float)(low * (i / rateHz % 3 == 0 ? 0.05 : 0.8));
        }

        var file = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.wav");
        try
        {
            await File.WriteAllBytesAsync(file, WavFile.ToBytes(new AudioClip(samples, rateHz)), TestContext.Current.CancellationToken);
            const string Meter = "ebur128=peak=true:framelog=verbose";
            var start = new ProcessStartInfo("ffmpeg", ["-nostats", "-nostdin", "-i", file, "-af", Meter, "-f", "null", "-"])
            {
                RedirectStandardError = true,
            };
            using var ffmpeg = Process.Start(start)!;
            var summary = Summary().Match(await ffmpeg.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken));
            var loudness = LoudnessMeter.Measure(new AudioClip(samples, rateHz));
            Assert.Equal(double.Parse(summary.Groups["loudness"].Value, CultureInfo.InvariantCulture), loudness.IntegratedLufs, 0.15);
            Assert.Equal(double.Parse(summary.Groups["peak"].Value, CultureInfo.InvariantCulture), loudness.TruePeakDbtp, 0.3);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public void Silence_is_silent_and_gets_no_gain()
    {
        var loudness = LoudnessMeter.Measure(new AudioClip(new float[44_100], 44_100));
        Assert.True(loudness.IsSilent);
        Assert.Equal(double.NegativeInfinity, loudness.TruePeakDbtp);
        Assert.Equal(0, loudness.GainDbTo(-14));
        Assert.Equal(LoudnessMeter.SilenceLufs, LoudnessMeter.Integrated(new AudioClip([], 44_100)));
    }

    [Theory]
    [InlineData(-20, -10, -14, 6)]
    [InlineData(-20, -10, -30, -10)]
    [InlineData(-20, -3, -14, 2)]
    [InlineData(-10, 1, -10, -2)]
    public void The_gain_reaches_the_target_unless_peaks_would_exceed_the_ceiling(double lufs, double peak, double target, double gain) =>
        Assert.Equal(gain, new Loudness(lufs, peak).GainDbTo(target), 9);

    [GeneratedRegex(@"I:\s+(?<loudness>-?[\d.]+) LUFS.*Peak:\s+(?<peak>-?[\d.]+) dBFS", RegexOptions.Singleline | RegexOptions.RightToLeft)]
    private static partial Regex Summary();
}
