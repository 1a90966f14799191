namespace Yue.Engine.Audio;

/// <summary>The loudness of a clip (ITU-R BS.1770).</summary>
/// <param name="IntegratedLufs">Gated loudness; -70 for silence.</param>
/// <param name="TruePeakDbtp">The peak, including peaks between samples; negative infinity for silence.</param>
public sealed record Loudness(double IntegratedLufs, double TruePeakDbtp)
{
    /// <summary>The upper limit for the true peak. It leaves headroom for players and lossy formats.</summary>
    public const double CeilingDbtp = -1;

    public bool IsSilent => IntegratedLufs <= LoudnessMeter.SilenceLufs;

    /// <summary>Returns the gain that brings the clip to the target loudness, or as close to it as the true peak allows; 0 for
    /// silence.</summary>
    public double GainDbTo(double targetLufs) =>
        IsSilent ? 0 : Math.Min(targetLufs - IntegratedLufs, CeilingDbtp - TruePeakDbtp);
}

/// <summary>Measures loudness and true peak (ITU-R BS.1770-5).</summary>
/// <remarks>The powers of the channels are added, as in the standard, so a mono clip is 3 LU quieter than the same sound on two channels.
/// Samples past ±1 are not clipped.</remarks>
public static class LoudnessMeter
{
    /// <summary>The absolute gate: anything quieter counts as silence.</summary>
    public const double SilenceLufs = -70;

    private const double RelativeGateLu = -10;
    private const double OffsetLufs = -0.691;

    // Blocks of 400 ms overlap by three quarters.
    private const int HopsPerSecond = 10;
    private const int HopsPerBlock = 4;

    private const int Oversampling = 4;
    private const int PeakTaps = 12;

    private static readonly double[][] PeakFilter = CreatePeakFilter();

    /// <summary>Measures a clip.</summary>
    public static Loudness Measure(AudioClip clip) => new(Integrated(clip), TruePeak(clip));

    /// <summary>Returns the gated loudness of a whole clip in LUFS; -70 for silence, and for a clip of less than 400 ms.</summary>
    public static double Integrated(AudioClip clip)
    {
        var blocks = BlockPowers(clip);
        var audible = blocks.Where(power => LufsOf(power) > SilenceLufs).ToList();
        if (audible.Count == 0)
        {
            return SilenceLufs;
        }

        var gate = LufsOf(audible.Average()) + RelativeGateLu;
        return LufsOf(audible.Where(power => LufsOf(power) > gate).Average());
    }

    /// <summary>Returns the highest peak of any channel in dBTP, including peaks between samples; negative infinity for silence.</summary>
    public static double TruePeak(AudioClip clip) =>
        20 * Math.Log10(Enumerable.Range(0, clip.Channels).Max(channel => HighestPeak(clip, channel)));

    private static double HighestPeak(AudioClip clip, int channel)
    {
        var (samples, length, step) = (clip.Samples, clip.Length, clip.Channels);
        var peak = 0.0;
        for (var i = 0; i < length + PeakTaps; i++)
        {
            foreach (var phase in PeakFilter)
            {
                var sum = 0.0;
                for (var tap = Math.Max(0, i - length + 1); tap < PeakTaps && tap <= i; tap++)
                {
                    sum += phase[tap] * samples[((i - tap) * step) + channel];
                }

                peak = Math.Max(peak, Math.Abs(sum));
            }
        }

        return peak;
    }

    private static double LufsOf(double power) => OffsetLufs + (10 * Math.Log10(power));

    /// <summary>Returns the mean square of the weighted signal in each block, over all channels together.</summary>
    private static List<double> BlockPowers(AudioClip clip)
    {
        var hops = HopPowers(clip, 0);
        for (var channel = 1; channel < clip.Channels; channel++)
        {
            hops = [.. hops.Zip(HopPowers(clip, channel), (sum, power) => sum + power)];
        }

        var starts = Enumerable.Range(0, Math.Max(0, hops.Count - HopsPerBlock + 1));
        return [.. starts.Select(first => hops.GetRange(first, HopsPerBlock).Average())];
    }

    private static List<double> HopPowers(AudioClip clip, int channel)
    {
        var hopLength = clip.SampleRateHz / HopsPerSecond;
        var shelf = Section.Shelf(clip.SampleRateHz);
        var highPass = Section.HighPass(clip.SampleRateHz);
        var hops = new List<double>();
        for (var start = 0; start + hopLength <= clip.Length; start += hopLength)
        {
            var sum = 0.0;
            for (var i = start; i < start + hopLength; i++)
            {
                var weighted = highPass.Next(shelf.Next(clip.Samples[(i * clip.Channels) + channel]));
                sum += weighted * weighted;
            }

            hops.Add(sum / hopLength);
        }

        return hops;
    }

    /// <summary>Returns the taps of each phase of an interpolation filter, a sinc with a Hann window. Phase 0 leaves samples
    /// unchanged.</summary>
    private static double[][] CreatePeakFilter()
    {
        const double Center = PeakTaps / 2.0;
        var phases = Enumerable.Range(0, Oversampling).Select(phase => (double)phase / Oversampling);
        return [.. phases.Select(phase => Enumerable.Range(0, PeakTaps).Select(tap => Tap(tap + phase - Center)).ToArray())];

        static double Tap(double x) =>
            x == 0 ? 1 : Math.Sin(Math.PI * x) / (Math.PI * x) * (0.5 + (0.5 * Math.Cos(Math.PI * x / Center)));
    }

    /// <summary>A second-order filter with its state.</summary>
    private struct Section(double b0, double b1, double b2, double a1, double a2)
    {
        private double _s1, _s2;

        /// <summary>Returns the first stage of the weighting: the effect of the listener's head, a shelf of 4 dB.</summary>
        /// <remarks>The standard gives coefficients only for 48 kHz; these are the parameters of the underlying analog filter.</remarks>
        public static Section Shelf(int rateHz)
        {
            const double Gain = 1.584_864_701_130_855;
            const double Q = 0.707_175_236_955_419_6;
            var k = Math.Tan(Math.PI * 1_681.974_450_955_533 / rateHz);
            var middle = Math.Pow(Gain, 0.499_666_774_154_541_6);
            var a0 = 1 + (k / Q) + (k * k);
            return new(
                (Gain + (middle * k / Q) + (k * k)) / a0,
                2 * ((k * k) - Gain) / a0,
                (Gain - (middle * k / Q) + (k * k)) / a0,
                2 * ((k * k) - 1) / a0,
                (1 - (k / Q) + (k * k)) / a0);
        }

        /// <summary>Returns the second stage: a high-pass filter at 38 Hz.</summary>
        public static Section HighPass(int rateHz)
        {
            const double Q = 0.500_327_037_323_877_3;
            var k = Math.Tan(Math.PI * 38.135_470_876_024_44 / rateHz);
            var a0 = 1 + (k / Q) + (k * k);
            return new(1, -2, 1, 2 * ((k * k) - 1) / a0, (1 - (k / Q) + (k * k)) / a0);
        }

        public double Next(double x)
        {
            // Transposed direct form II.
            var y = (b0 * x) + _s1;
            _s1 = (b1 * x) - (a1 * y) + _s2;
            _s2 = (b2 * x) - (a2 * y);
            return y;
        }
    }
}
