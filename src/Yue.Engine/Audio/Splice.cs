namespace Yue.Engine.Audio;

/// <summary>Joins the codec's low frequencies to the vocoder's high ones (docs/model.md 7 step 3).</summary>
public static class Splice
{
    /// <summary>The frequency between the two bands.</summary>
    public const float CutoffHz = 5500;

    /// <summary>Returns the low band of one mix, scaled to the level of the other's low band, plus the other's high band.</summary>
    /// <param name="low">The clip for the low band, at any rate (16 kHz codec mix).</param>
    /// <param name="high">The clip for the level and the high band (44.1 kHz vocoder mix).</param>
    /// <param name="cutoffHz">The frequency at which the bands meet.</param>
    /// <returns>The splice at the rate of <paramref name="high"/>, as long as the shorter of the two at that rate; neither normalized nor
    /// clamped. The levels are computed over the full length of each signal.</returns>
    public static AudioClip ReplaceLowFrequencies(AudioClip low, AudioClip high, float cutoffHz = CutoffHz)
    {
        var splice = new SpliceStream(low.SampleRateHz, high.SampleRateHz, cutoffHz);
        splice.AppendLow(low.Samples);
        splice.AppendHigh(high.Samples);
        splice.CompleteLow();
        return splice.Finish();
    }
}
