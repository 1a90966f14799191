namespace Yue.Engine.Tests.Audio;

/// <summary>Signals for tests.</summary>
internal static class Signals
{
    /// <summary>Returns seeded noise, uniform in ±<paramref name="peak"/>.</summary>
    public static float[] Noise(int length, float peak = 1, int seed = 1)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, length).Select(_ => ((random.NextSingle() * 2) - 1) * peak)];
    }

    /// <summary>Returns a sine wave.</summary>
    public static float[] Sine(int length, double frequencyHz, int sampleRateHz, double amplitude = 1) =>
        [.. Enumerable.Range(0, length).Select(i => (float)(amplitude * Math.Sin(2 * Math.PI * frequencyHz * i / sampleRateHz)))];
}
