namespace Yue.Engine.Audio;

/// <summary>Mono sound: 32-bit float samples, full scale ±1.</summary>
/// <param name="Samples">The samples; values past ±1 clip when written to a file.</param>
/// <param name="SampleRateHz">Samples a second.</param>
public sealed record AudioClip(float[] Samples, int SampleRateHz)
{
    /// <summary>The clip's length.</summary>
    public double DurationSeconds => (double)Samples.Length / SampleRateHz;
}
