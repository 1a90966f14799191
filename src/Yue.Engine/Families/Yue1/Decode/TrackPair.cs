namespace Yue.Engine.Families.Yue1.Decode;

/// <summary>The models that decode a song.</summary>
public enum SoundModel
{
    /// <summary>The codec, at 16 kHz.</summary>
    Codec,

    /// <summary>The vocoders, at 44.1 kHz.</summary>
    Vocoder,
}

/// <summary>The decoded samples of a window.</summary>
/// <param name="Model">The model that decoded them.</param>
/// <param name="Vocal">The vocal track; null if the song has only the instrumental track.</param>
/// <param name="Instrumental">The instrumental track, with the same number of samples.</param>
public sealed record DecodedWindow(SoundModel Model, float[]? Vocal, float[] Instrumental);

/// <summary>Decodes the tracks of a song with one model, window by window.</summary>
/// <param name="model">The model that decodes.</param>
/// <param name="vocal">Decodes the vocal track; null if the song has only the instrumental track.</param>
/// <param name="instrumental">Decodes the instrumental track, which has the same number of frames.</param>
internal sealed class TrackPair(SoundModel model, TrackDecoder? vocal, TrackDecoder instrumental)
{
    /// <summary>The number of tracks.</summary>
    public int Tracks => vocal is null ? 1 : 2;

    /// <summary>The number of decoded frames of each track.</summary>
    public int FramesDone => instrumental.FramesDone;

    /// <summary>True if the next window can be decoded.</summary>
    public bool CanAdvance => instrumental.CanAdvance;

    /// <summary>True if the tracks are complete and every frame is decoded.</summary>
    public bool IsDone => instrumental.IsDone;

    /// <inheritdoc cref="TrackDecoder.FramesNeededAt"/>
    public int FramesNeededAt(int start) => instrumental.FramesNeededAt(start);

    /// <inheritdoc cref="TrackDecoder.WindowsLeft"/>
    public IEnumerable<(int Start, int FramesNeeded)> WindowsLeft => instrumental.WindowsLeft;

    /// <summary>Decodes the next window of each track.</summary>
    public DecodedWindow Advance() => new(model, vocal?.Advance(), instrumental.Advance());

    /// <inheritdoc cref="TrackDecoder.WarmUp"/>
    public void WarmUp()
    {
        vocal?.WarmUp();
        instrumental.WarmUp();
    }
}
