namespace Yue.Engine.Songs;

/// <summary>Listens to a song while it is made. The finished song is the same without a listener.</summary>
public interface ISongListener
{
    /// <summary>True while somebody listens: the song's beginning is then made before its end. Read between steps, on the engine's
    /// thread.</summary>
    bool IsListening { get; }

    /// <summary>The seconds of the song that are played, by a player that begins with the first sound it gets and goes on in real time;
    /// 0 before that. Read like <see cref="IsListening"/>.</summary>
    double PlayedSeconds { get; }

    /// <summary>Receives the next sound of the song, also while nobody listens. The calls come in order, one at a time, on threads of
    /// the pool, and before the song's result. An exception fails the song.</summary>
    void Hear(SongSound sound);
}

/// <summary>Sound of a song that will not change any more. It follows the sound before it.</summary>
/// <remarks>At 16 kHz and on the tracks, the samples are those of the finished song. At 44.1 kHz the mix differs in the level of its low
/// band, which the finished song takes over its whole length.</remarks>
/// <param name="Start">The number of samples per channel before it.</param>
/// <param name="SampleRateHz">The rate of all three.</param>
/// <param name="Mix">The whole song.</param>
/// <param name="Vocal">The vocal track, as many samples; null if there is no such track.</param>
/// <param name="Instrumental">The instrumental track, as many samples; null if there is no such track.</param>
/// <param name="IsEnd">True if the song ends here.</param>
public sealed record SongSound(int Start, int SampleRateHz, float[] Mix, float[]? Vocal, float[]? Instrumental, bool IsEnd)
{
    /// <summary>The number of channels, whose samples are interleaved.</summary>
    public int Channels { get; init; } = 1;
}
