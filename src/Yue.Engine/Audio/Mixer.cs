namespace Yue.Engine.Audio;

/// <summary>Clamps and sums tracks (docs/model.md 7, steps 1 and 2), in memory, without lossy files between the steps.</summary>
public static class Mixer
{
    /// <summary>The limit to which tracks and the vocoder mix are clamped.</summary>
    public const float Limit = 0.99f;

    /// <summary>Clamps the samples to ±<see cref="Limit"/> in place.</summary>
    /// <returns>The number of samples outside the limit.</returns>
    public static long Clamp(Span<float> samples)
    {
        var clipped = 0L;
        foreach (ref var sample in samples)
        {
            if (Math.Abs(sample) > Limit)
            {
                sample = Math.Clamp(sample, -Limit, Limit);
                clipped++;
            }
        }

        return clipped;
    }

    /// <summary>Returns the sum of two tracks of the same length, neither scaled nor limited.</summary>
    public static float[] Sum(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        if (a.Length != b.Length)
        {
            throw new ArgumentException($"b has {b.Length} samples, expected {a.Length}", nameof(b));
        }

        var sum = new float[a.Length];
        for (var i = 0; i < sum.Length; i++)
        {
            sum[i] = a[i] + b[i];
        }

        return sum;
    }

    /// <summary>Returns the number of samples past ±1, which clip when they are written to a file.</summary>
    public static long CountPastFullScale(ReadOnlySpan<float> samples)
    {
        var count = 0L;
        foreach (var sample in samples)
        {
            count += Math.Abs(sample) > 1f ? 1 : 0;
        }

        return count;
    }
}
