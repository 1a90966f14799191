namespace Yue.Engine.Tests.Demo.Hearing;

/// <summary>Checks sound for faults that no song should have.</summary>
internal static class Faults
{
    private const double LongestSilenceSeconds = 2;
    private const double MaxClipped = 0.01;
    private const double ClippedFrom = 0.989;
    private const int PiecesPerSecond = 50;

    /// <summary>Returns true if a track has a sample that is not finite, a silence longer than two seconds, or more than 1 % clipped
    /// samples.</summary>
    /// <param name="wave">[S] at 16 kHz.</param>
    public static bool Has(float[] wave) =>
        !wave.All(float.IsFinite) || SilenceSeconds(wave) > LongestSilenceSeconds
            || wave.Average(x => Math.Abs(x) >= ClippedFrom ? 1.0 : 0.0) > MaxClipped;

    /// <summary>Returns the level of the last 0.1 s relative to that of the last 5 s, in dB: near 0 if a track stops abruptly.</summary>
    /// <param name="wave">[S] at 16 kHz.</param>
    public static double TailDb(float[] wave)
    {
        double Level(double seconds) =>
            10 * Math.Log10(wave.TakeLast((int)(seconds * Windows.RateHz)).Average(x => (double)x * x) + 1e-10);
        return Level(0.1) - Level(5);
    }

    /// <summary>Returns the length of the longest part below -50 dBFS, in seconds.</summary>
    private static double SilenceSeconds(float[] wave)
    {
        var (longest, run) = (0, 0);
        foreach (var piece in wave.Chunk(Windows.RateHz / PiecesPerSecond))
        {
            run = Math.Sqrt(piece.Average(x => (double)x * x)) < Math.Pow(10, -50 / 20.0) ? run + 1 : 0;
            longest = Math.Max(longest, run);
        }

        return (double)longest / PiecesPerSecond;
    }
}
