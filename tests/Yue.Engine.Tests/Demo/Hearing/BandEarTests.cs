using Xunit;

namespace Yue.Engine.Tests.Demo.Hearing;

public sealed class BandEarTests
{
    private const double Steady = 1e9;

    private static readonly double[] Dull = [1, 0.33, 0.17, 0.11];
    private static readonly double[] Bright = [1, 0.65, 0.5, 0.4, 0.35, 0.31, 0.28, 0.26, 0.24];

    private static readonly int[] CMajor = [60, 64, 67];
    private static readonly int[] CMinor = [60, 63, 67];

    [Theory]
    [InlineData(75)]
    [InlineData(100)]
    [InlineData(136)]
    public void The_tempo_of_clicks_is_found_and_neighboring_tempos_differ(double bpm)
    {
        var heard = BandEar.TempoBpm(Synthetic.Clicks(bpm, seconds: 8));
        Assert.True(BandEar.IsSameTempo(heard, bpm), $"{bpm} bpm is heard as {heard:F1}");
        Assert.False(BandEar.IsSameTempo(heard, bpm * 1.08));
        Assert.False(BandEar.IsSameTempo(heard, bpm / 1.08));
    }

    [Fact]
    public void A_tempo_and_its_double_or_half_count_as_the_same()
    {
        Assert.True(BandEar.IsSameTempo(75, 150));
        Assert.True(BandEar.IsSameTempo(150, 75));
        Assert.False(BandEar.IsSameTempo(75, 112.5));
    }

    [Fact]
    public void The_mode_is_recognized_by_the_triads()
    {
        Assert.InRange(MinorShare(CMajor, CMajor), 0, 0.1);
        Assert.InRange(MinorShare(CMinor, CMinor), 0.9, 1);
        Assert.InRange(MinorShare(CMajor, CMinor), 0.4, 0.6);
    }

    [Theory]
    [InlineData(Instrument.Piano, false, 0.5)]
    [InlineData(Instrument.Guitar, true, 0.25)]
    [InlineData(Instrument.Organ, false, Steady)]
    [InlineData(Instrument.Strings, true, Steady)]
    public void An_instrument_is_recognized_by_fading_and_brightness(Instrument instrument, bool isBright, double decaySeconds) =>
        Assert.Equal(instrument, BandEar.InstrumentOf(Chords(isBright ? Bright : Dull, decaySeconds, CMajor, CMinor)));

    private static double MinorShare(params int[][] triads) => BandEar.MinorShare(Chords(Dull, Steady, triads));

    private static float[] Chords(double[] timbre, double decaySeconds, params int[][] triads) =>
        [.. triads.SelectMany(triad => Synthetic.Chord(triad, timbre, decaySeconds, seconds: 2))];
}
