namespace Yue.Engine.Songs;

/// <summary>Listens to a song while it is being made. The finished song is the same without a listener.</summary>
public interface ISongListener
{
    /// <summary>True while a client is listening. The song is then rendered from its beginning while later parts are still being written.
    /// The property is read between steps on the engine's thread.</summary>
    bool IsListening { get; }

    /// <summary>The playback position, in seconds, of a player that starts with the first sound it receives and plays in real time; 0
    /// before the first sound. The property is also read between steps on the engine's thread.</summary>
    double PlayedSeconds { get; }

    /// <summary>Receives the next part of the song's sound, even while nobody is listening. The calls are made in order, one at a time, on
    /// thread-pool threads, and before the song's result is available. An exception fails the song.</summary>
    void Hear(SongSound sound);
}

/// <summary>A part of a song's sound that will not change anymore. It follows the previous part without a gap.</summary>
/// <remarks>The samples equal those of the finished song, except in YuE 1's mix at 44.1 kHz: the level of its low band differs, because in
/// the finished song it is computed over the whole length.</remarks>
/// <param name="Start">The number of samples per channel before this part.</param>
/// <param name="SampleRateHz">The sample rate of the mix and the tracks.</param>
/// <param name="Mix">The mix.</param>
/// <param name="Vocal">The vocal track, of the same length as the mix; null if there is none.</param>
/// <param name="Instrumental">The instrumental track, of the same length as the mix; null if there is none.</param>
/// <param name="IsEnd">True if this is the last part.</param>
public sealed record SongSound(int Start, int SampleRateHz, float[] Mix, float[]? Vocal, float[]? Instrumental, bool IsEnd)
{
    /// <summary>The number of channels, whose samples are interleaved.</summary>
    public int Channels { get; init; } = 1;
}
