namespace Yue.Engine.Families.Yue1.Decode;

/// <summary>Frames that are decoded together.</summary>
/// <param name="From">The first frame that the decoder reads.</param>
/// <param name="To">The frame after the last frame that it reads.</param>
/// <param name="Start">The first frame whose samples are kept.</param>
/// <param name="End">The frame after the last frame whose samples are kept.</param>
public readonly record struct DecodeWindow(int From, int To, int Start, int End);

/// <summary>The schedule of the windows in which tracks are decoded.</summary>
/// <remarks>
/// <para>The first windows are short so that a song can be heard early. Later ones are longer, because each window also decodes the context
/// on both sides, which short windows repeat more often.</para>
/// <para>A song's windows depend only on its length, so its samples are the same whether they are decoded while the song is being written
/// or afterward. A window can be decoded once its context is written. The last window has the shortest regular length that covers the
/// remaining frames and their context. It begins earlier than necessary instead of being shortened, because on a GPU, convolutions are
/// planned separately for each length.</para>
/// </remarks>
public sealed class DecodeWindows
{
    private readonly int[] _firstEnds;
    private readonly int[] _laterFrames;

    /// <summary>Creates a schedule.</summary>
    /// <param name="firstEnds">The ends of the first windows, ascending.</param>
    /// <param name="laterFrames">The numbers of frames that the later windows keep, repeated to the end of the song.</param>
    public DecodeWindows(IReadOnlyList<int> firstEnds, IReadOnlyList<int> laterFrames)
    {
        ArgumentOutOfRangeException.ThrowIfZero(laterFrames.Count);
        foreach (var frames in laterFrames)
        {
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(frames);
        }

        (_firstEnds, _laterFrames) = ([.. firstEnds], [.. laterFrames]);
    }

    /// <summary>Windows for chunks of 300 frames. The last frames of a chunk serve as context for the window that ends before them, so no
    /// window waits for the first frames of the next chunk. The last window of a chunk waits for the whole chunk. It is short, so that most
    /// of the chunk can be heard earlier. All windows of the first chunk are short.</summary>
    public static DecodeWindows Default { get; } = new([51, 106, 161, 216, 271], [150, 95, 55]);

    /// <summary>Returns the regular lengths of windows in frames, ascending. A window has another length only if the whole song is shorter
    /// than the regular length.</summary>
    /// <param name="context">The number of frames of context on each side.</param>
    public IReadOnlyList<int> Lengths(int context)
    {
        var lengths = new SortedSet<int>();
        for (var (start, i) = (0, 0); i < _firstEnds.Length + _laterFrames.Length || start < context; i++)
        {
            var end = EndAfter(start);
            lengths.Add(end + context - Math.Max(start - context, 0));
            start = end;
        }

        lengths.UnionWith(_laterFrames.Select(frames => frames + (2 * context)));
        return [.. lengths];
    }

    /// <summary>Returns the next window of a track.</summary>
    /// <param name="start">The number of decoded frames: 0, or the end of the previous window.</param>
    /// <param name="frames">The number of written frames.</param>
    /// <param name="isComplete">True if no more frames will be written.</param>
    /// <param name="context">The number of frames on each side that a frame's samples can depend on.</param>
    /// <returns>The window; null if every frame is decoded, or if the window needs frames that are not written yet.</returns>
    public DecodeWindow? Next(int start, int frames, bool isComplete, int context)
    {
        var (from, end) = (Math.Max(start - context, 0), EndAfter(start));
        if (end + context <= frames)
        {
            return new DecodeWindow(from, end + context, start, end);
        }

        if (!isComplete || start == frames)
        {
            return null;
        }

        var length = Lengths(context).First(length => length >= frames - from);
        return new DecodeWindow(Math.Max(frames - length, 0), frames, start, frames);
    }

    /// <summary>Returns an infinite sequence of windows: the first frame of each, and the number of frames that must be written before it
    /// can be decoded, unless the song ends earlier.</summary>
    /// <param name="start">The number of decoded frames.</param>
    /// <param name="context">The number of frames on each side that a frame's samples can depend on.</param>
    public IEnumerable<(int Start, int FramesNeeded)> From(int start, int context)
    {
        while (true)
        {
            var end = EndAfter(start);
            yield return (start, end + context);
            start = end;
        }
    }

    private int EndAfter(int start)
    {
        if (Array.Find(_firstEnds, end => end > start) is > 0 and var first)
        {
            return first;
        }

        var (last, cycle) = (_firstEnds.LastOrDefault(), _laterFrames.Sum());
        var end = last + ((start - last) / cycle * cycle);
        for (var i = 0; end <= start; i++)
        {
            end += _laterFrames[i];
        }

        return end;
    }
}
