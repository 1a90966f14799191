namespace Yue.Engine.Audio;

/// <summary>Sound: 32-bit float samples, full scale ±1.</summary>
/// <param name="Samples">The samples; values past ±1 clip when written to a file. Several channels are interleaved.</param>
/// <param name="SampleRateHz">Samples per second, per channel.</param>
/// <param name="Channels">The number of channels.</param>
public sealed record AudioClip(float[] Samples, int SampleRateHz, int Channels = 1)
{
    /// <summary>The number of samples per channel.</summary>
    public int Length => Samples.Length / Channels;

    /// <summary>The clip's length in seconds.</summary>
    public double DurationSeconds => (double)Length / SampleRateHz;

    /// <summary>The format of the clip as PCM.</summary>
    public PcmFormat Format => new(SampleRateHz, Channels);
}

/// <summary>The format of 16-bit little-endian samples; several channels are interleaved.</summary>
/// <param name="SampleRateHz">Samples per second, per channel.</param>
/// <param name="Channels">The number of channels.</param>
public readonly record struct PcmFormat(int SampleRateHz, int Channels)
{
    /// <summary>The size in bytes of a block, which consists of one sample of every channel.</summary>
    public int BlockBytes => Channels * sizeof(short);
}
