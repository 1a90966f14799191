namespace Yue.Engine.Audio;

/// <summary>Joins the codec's low frequencies to the vocoder's high ones (docs/model.md 7 step 3).</summary>
public static class Splice
{
    /// <summary>Where one band ends and the other begins.</summary>
    public const float CutoffHz = 5500;

    /// <summary>Added to both levels before they are divided.</summary>
    private const double LevelFloor = 1e-10;

    /// <summary>The low band of one mix, brought to the level of the other's low band, plus the other's high band.</summary>
    /// <param name="low">Gives the low band, at any rate (16 kHz codec mix).</param>
    /// <param name="high">Gives the level and the high band (44.1 kHz vocoder mix).</param>
    /// <param name="cutoffHz">Where the bands meet.</param>
    /// <returns>At the rate of <paramref name="high"/>, as long as the shorter of the two at that rate; neither normalised
    /// nor clamped. The levels are taken over each signal's own full length.</returns>
    public static AudioClip ReplaceLowFrequencies(AudioClip low, AudioClip high, float cutoffHz = CutoffHz)
    {
        var lowPass = Biquad.LowPass(high.SampleRateHz, cutoffHz);
        var highPass = Biquad.HighPass(high.SampleRateHz, cutoffHz);
        var lowBand = new Resampler(low.SampleRateHz, high.SampleRateHz).Apply(low.Samples);
        lowPass.Apply(lowBand, lowBand);
        var gain = (float)(Level(high.Samples, lowPass) / Level(lowBand));

        var output = new float[Math.Min(lowBand.Length, high.Samples.Length)];
        var highBand = highPass.Start();
        for (var i = 0; i < output.Length; i++)
        {
            output[i] = (lowBand[i] * gain) + highBand.Next(high.Samples[i]);
        }

        return new AudioClip(output, high.SampleRateHz);
    }

    /// <summary>The root mean square, plus a floor.</summary>
    private static double Level(ReadOnlySpan<float> samples)
    {
        double sum = 0;
        foreach (var sample in samples)
        {
            sum += (double)sample * sample;
        }

        return Math.Sqrt(sum / Math.Max(samples.Length, 1)) + LevelFloor;
    }

    /// <summary>The level of the filtered signal, which is not kept.</summary>
    private static double Level(ReadOnlySpan<float> samples, Biquad filter)
    {
        var running = filter.Start();
        double sum = 0;
        foreach (var sample in samples)
        {
            var filtered = running.Next(sample);
            sum += (double)filtered * filtered;
        }

        return Math.Sqrt(sum / Math.Max(samples.Length, 1)) + LevelFloor;
    }
}
