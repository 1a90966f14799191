namespace Yue.Engine.Families.Yue1.Decode;

/// <summary>Frames that are decoded together.</summary>
/// <param name="From">The first frame that the decoder reads.</param>
/// <param name="To">The frame after the last that it reads.</param>
/// <param name="Start">The first frame whose samples are kept.</param>
/// <param name="End">The frame after the last whose samples are kept.</param>
public readonly record struct DecodeWindow(int From, int To, int Start, int End);

/// <summary>The schedule of the windows in which tracks are decoded.</summary>
/// <remarks>
/// <para>The first windows are short, so that a song can be heard soon. Later ones are long, because the context on both sides of a
/// window is decoded in addition.</para>
/// <para>A song's windows depend on its length and on nothing else, so its samples are the same whether they are decoded while the
/// song is written or after it. A window is possible once its context is written. The last window has the shortest of the regular
/// lengths that reaches back far enough. It begins earlier than necessary instead of being cut, because a GPU plans its convolutions
/// for each length.</para>
/// </remarks>
public sealed class DecodeWindows
{
    private readonly int[] _firstEnds;
    private readonly int _frames;

    /// <summary>Creates a schedule.</summary>
    /// <param name="firstEnds">The ends of the first windows, ascending.</param>
    /// <param name="frames">The frames that every later window keeps.</param>
    public DecodeWindows(IReadOnlyList<int> firstEnds, int frames)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(frames);
        (_firstEnds, _frames) = ([.. firstEnds], frames);
    }

    /// <summary>Windows that suit chunks of 300 frames: a chunk and its own frames of context are enough for the window that ends
    /// before that context, so no window waits for the first frames of the chunk after it. The windows of the first chunk are short: the
    /// last of them waits for all of the chunk, and what comes before it is heard meanwhile.</summary>
    public static DecodeWindows Default { get; } = new([51, 106, 161, 216, 271], 150);

    /// <summary>Returns the numbers of frames that windows read, ascending. A window that would be longer than the song is as long as
    /// the song.</summary>
    /// <param name="context">The frames of context on each side.</param>
    public IReadOnlyList<int> Lengths(int context)
    {
        var lengths = new SortedSet<int>();
        for (var (start, i) = (0, 0); i <= _firstEnds.Length || start < context; i++)
        {
            var end = EndAfter(start);
            lengths.Add(end + context - Math.Max(start - context, 0));
            start = end;
        }

        lengths.Add(_frames + (2 * context));
        return [.. lengths];
    }

    /// <summary>Returns the next window of a track.</summary>
    /// <param name="start">The frames that are decoded: 0, or the end of the window before.</param>
    /// <param name="frames">The frames that are written.</param>
    /// <param name="isComplete">True if no more frames will be written.</param>
    /// <param name="context">The frames to each side that a frame's samples can depend on.</param>
    /// <returns>Null if every frame is decoded, or the window needs frames that are not written yet.</returns>
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

    /// <summary>Returns the first frame of every window from a frame on, without end, and the frame up to which the song must be
    /// written before the window is possible, if the song does not end before.</summary>
    /// <param name="start">The frames that are decoded.</param>
    /// <param name="context">The frames to each side that a frame's samples can depend on.</param>
    public IEnumerable<(int Start, int Needs)> From(int start, int context)
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
        var last = _firstEnds.Length == 0 ? 0 : _firstEnds[^1];
        return start >= last
            ? last + ((((start - last) / _frames) + 1) * _frames)
            : Array.Find(_firstEnds, end => end > start);
    }
}
