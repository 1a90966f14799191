namespace Yue.Engine.Families.Yue1.Decode;

/// <summary>Decodes the codes of one song window by window. Frames may be added between the steps.</summary>
/// <remarks>Not thread-safe.</remarks>
public sealed class SongDecoding
{
    private readonly CodeTrack? _vocal;
    private readonly CodeTrack _instrumental;
    private readonly TrackPair? _byCodec;
    private readonly TrackPair? _byVocoder;

    /// <summary>Creates the decoding of a song that has no frames yet.</summary>
    internal SongDecoding(CodeTrack? vocal, CodeTrack instrumental, TrackPair? byCodec, TrackPair? byVocoder) =>
        (_vocal, _instrumental, _byCodec, _byVocoder) = (vocal, instrumental, byCodec, byVocoder);

    /// <summary>The number of frames decoded so far. A frame counts once per track for every model that decodes it.</summary>
    public long FramesDone => Pairs.Sum(pair => (long)pair.Tracks * pair.FramesDone);

    /// <summary>The number of times that each frame of the song is decoded.</summary>
    public int Passes => Pairs.Sum(pair => pair.Tracks);

    /// <summary>True if the next window of any model can be decoded.</summary>
    public bool CanAdvance => Pairs.Any(pair => pair.CanAdvance);

    /// <summary>True if the song is complete and every frame is decoded.</summary>
    public bool IsDone => _instrumental.IsComplete && Pairs.All(pair => pair.IsDone);

    /// <summary>The remaining windows of the model that has decoded the fewest frames; see <see cref="DecodeWindows.From"/>. For a window
    /// that several models have not decoded, the number of frames is the largest that any of these models needs.</summary>
    public IEnumerable<(int Start, int FramesNeeded)> WindowsLeft => Pairs.MinBy(pair => pair.FramesDone)!.WindowsLeft.Select(window =>
        (window.Start, Pairs.Where(pair => pair.FramesDone <= window.Start).Max(pair => pair.FramesNeededAt(window.Start))));

    private IEnumerable<TrackPair> Pairs => new[] { _byCodec, _byVocoder }.OfType<TrackPair>();

    /// <summary>Adds frames.</summary>
    /// <param name="vocal">[Q][n]: row k holds the codes of codebook k; null if the song has only the instrumental track.</param>
    /// <param name="instrumental">[Q][n], as for the vocal track.</param>
    public void Append(int[][]? vocal, int[][] instrumental)
    {
        if (vocal is not null)
        {
            (_vocal ?? throw new ArgumentException("the song has no vocal track", nameof(vocal))).Append(vocal);
        }

        _instrumental.Append(instrumental);
    }

    /// <summary>Marks the end: no more frames will be added.</summary>
    public void Complete()
    {
        if (_vocal is not null && _vocal.Frames != _instrumental.Frames)
        {
            throw new InvalidOperationException(
                $"the vocal track has {_vocal.Frames} frames and the instrumental track {_instrumental.Frames}");
        }

        _vocal?.Complete();
        _instrumental.Complete();
    }

    /// <summary>Decodes the next window of the model that has decoded the fewest frames and can advance.</summary>
    public DecodedWindow Advance() => Pairs.Where(pair => pair.CanAdvance).MinBy(pair => pair.FramesDone)!.Advance();
}
