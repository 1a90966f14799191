namespace Yue.Bench;

/// <summary>A deterministic clip to encode: a melody over noise.</summary>
internal static class Melody
{
    public static float[] Samples(int rateHz, int seconds)
    {
        var random = new Random(1);
        return [.. Enumerable.Range(0, rateHz * seconds).Select(i =>
        {
            var t = (double)i / rateHz;
            var pitch = 220 * Math.Pow(2, (int)(t * 2) * 7 % 12 / 12.0);
            return (float)((0.4 * Math.Sin(2 * Math.PI * pitch * t) * Math.Exp(-2 * (t % 0.5))) + (0.05 * (random.NextDouble() - 0.5)));
        })];
    }
}
