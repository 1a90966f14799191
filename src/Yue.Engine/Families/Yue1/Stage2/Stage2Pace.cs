using Yue.Engine.Families.Yue1.Tokens;

namespace Yue.Engine.Families.Yue1.Stage2;

/// <summary>A song that stage 2 works on, as the pace needs it.</summary>
internal interface IPacedSong
{
    /// <summary>True while somebody listens.</summary>
    bool IsHeard { get; }

    /// <summary>True once stage 1 has ended.</summary>
    bool IsWritten { get; }

    /// <summary>The frames that stage 1 has written.</summary>
    int FramesWritten { get; }

    /// <summary>The rows of a chunk of frames: one per track.</summary>
    int RowsPerChunk { get; }

    /// <summary>The chunks that have begun.</summary>
    int ChunksBegun { get; }

    /// <summary>True if a chunk that has begun has frames to write.</summary>
    bool IsRunning { get; }

    /// <summary>The seconds of sound that the player has left; null before the first sound.</summary>
    double? LeadSeconds { get; }

    /// <summary>The windows to decode, without end: the first frame of each, and the frame up to which it needs the song.</summary>
    IEnumerable<(int Start, int Needs)> WindowsLeft { get; }

    /// <summary>Returns the frames that a chunk must still get before the song is finished up to a frame: those of the chunk that needs
    /// most, counted from its beginning.</summary>
    (int From, int To) FramesTo(int frame);
}

/// <summary>The next work of stage 2 on a song.</summary>
/// <param name="IsDue">True if it works on the song. Stage 1 waits meanwhile.</param>
/// <param name="Chunks">The chunks of frames to begin.</param>
internal readonly record struct Stage2Turn(bool IsDue, int Chunks)
{
    public static Stage2Turn Wait => default;
}

/// <summary>Decides when stage 2 works on a song, and on how much of it at once.</summary>
/// <remarks>
/// On a GPU a step of many chunks takes little more time than a step of one, so chunks that wait for others take less time in all. A
/// song that nobody listens to waits for its end. One that is listened to begins as early as the player needs it and no earlier: each
/// of its windows has a time at which the player comes to it, and the spare time is how long the chunks can wait so that all of
/// these times are kept. What is decided depends on the arguments alone.
/// </remarks>
internal static class Stage2Pace
{
    /// <summary>The spare time that is kept for what the estimates leave out.</summary>
    public const double MarginSeconds = 0.5;

    /// <summary>The chunks that a song which is listened to begins with at most.</summary>
    public const int MostFirstChunks = 3;

    private const int LeastFirstChunks = 2;
    private const int FramesPerChunk = Stage2Chunks.FramesPerChunk;

    /// <summary>The share of the time that playback takes in which stage 1 and stage 2 must come as far.</summary>
    private const double Load = 0.75;

    /// <summary>Decides what stage 2 does next for a song.</summary>
    /// <param name="song">The song.</param>
    /// <param name="times">The times of the steps.</param>
    /// <param name="rows">The rows that stage 2 works on now, those of other songs included.</param>
    public static Stage2Turn Next(IPacedSong song, StepTimes times, int rows)
    {
        var waiting = ChunksWritten(song) - song.ChunksBegun;
        if (!song.IsHeard)
        {
            return new(song.IsWritten, song.IsWritten ? waiting : 0);
        }

        if (song.ChunksBegun == 0)
        {
            var first = song.IsWritten ? Math.Min(waiting, FirstChunks(times)) : FirstChunks(times);
            return waiting > 0 && waiting >= first ? new(true, first) : Stage2Turn.Wait;
        }

        var begun = NeedsNewChunk(song) || !song.IsRunning ? ChunksToBegin(song, waiting, times, rows) : 0;
        var isShort = song.IsRunning && Spare(song, song.ChunksBegun, times, rows) < MarginSeconds;
        return new(song.IsWritten || song.LeadSeconds is null || isShort || begun > 0, begun);
    }

    /// <summary>Returns true if the first sound may be passed on: the chunks that have begun come faster than the player plays
    /// them.</summary>
    /// <param name="song">The song, a window of which is decoded.</param>
    /// <param name="decodedSeconds">The sound that is decoded.</param>
    /// <param name="times">The times of the steps.</param>
    /// <param name="rows">The rows that stage 2 works on now.</param>
    public static bool CanStart(IPacedSong song, double decodedSeconds, StepTimes times, int rows) =>
        Spare(song, song.ChunksBegun, times, rows, decodedSeconds) >= 0;

    /// <summary>Returns the number of chunks that the first sound waits for. With two, stage 1 has the time to write those that come
    /// next before the player needs them; a slow stage 1, or many songs, take a third.</summary>
    public static int FirstChunks(StepTimes times)
    {
        // With n chunks at once, stage 1 and stage 2 take FramesPerChunk · (n · stage 1 + fixed + n · rows) for n chunks of sound.
        var perChunk = FramesPerChunk * (times.Stage1SecondsPerFrame + (times.SecondsPerRow * 2 * times.SongsTogether));
        var (shared, left) = (FramesPerChunk * times.SecondsPerRow * StepTimes.FixedRows, (Load * Seconds(FramesPerChunk)) - perChunk);
        return left <= 0 ? MostFirstChunks : Math.Clamp((int)Math.Ceiling(shared / left), LeastFirstChunks, MostFirstChunks);
    }

    /// <summary>Returns the number of chunks to begin now: none before one is needed, then as many as leave the player its sound.</summary>
    /// <remarks>Songs that are written together need their next chunks at the same time, so as many rows of each are expected.</remarks>
    private static int ChunksToBegin(IPacedSong song, int waiting, StepTimes times, int rows)
    {
        double SpareWith(int chunks)
        {
            var begun = song.RowsPerChunk * chunks;
            return Spare(song, song.ChunksBegun + chunks, times, Math.Max(rows + begun, times.SongsTogether * begun));
        }

        if (waiting == 0 || (!song.IsWritten && SpareWith(waiting) >= MarginSeconds))
        {
            return 0;
        }

        var (chunks, least) = (waiting, Math.Min(waiting, FirstChunks(times)));
        while (chunks > least && SpareWith(chunks) < 0)
        {
            chunks--;
        }

        return chunks;
    }

    /// <summary>Returns the time that can pass before work on chunks must begin, so that the player finds every window of theirs. Windows
    /// that only have to be decoded do not count.</summary>
    /// <param name="song">The song.</param>
    /// <param name="chunks">The chunks, counted from the beginning of the song.</param>
    /// <param name="times">The times of the steps.</param>
    /// <param name="rows">The rows of the steps.</param>
    /// <param name="leadSeconds">The sound that the player has; null is that of the song.</param>
    private static double Spare(IPacedSong song, int chunks, StepTimes times, int rows, double? leadSeconds = null)
    {
        var (end, lead) = (song.IsWritten ? song.FramesWritten : int.MaxValue, leadSeconds ?? song.LeadSeconds ?? 0);
        var limit = Math.Min(chunks * FramesPerChunk, end);
        var (spare, first) = (double.PositiveInfinity, -1);
        foreach (var (start, needs) in song.WindowsLeft.TakeWhile(window => window.Start < limit && Math.Min(window.Needs, end) <= limit))
        {
            first = first < 0 ? start : first;
            var frames = song.FramesTo(Math.Min(needs, end));
            if (frames.To > frames.From)
            {
                spare = Math.Min(spare, lead + Seconds(start - first) - times.Stage2Seconds(rows, frames));
            }
        }

        return spare;
    }

    /// <summary>Returns true if the next window needs frames of a chunk that has not begun.</summary>
    private static bool NeedsNewChunk(IPacedSong song)
    {
        var needs = song.WindowsLeft.First().Needs;
        return (song.IsWritten ? Math.Min(needs, song.FramesWritten) : needs) > song.ChunksBegun * FramesPerChunk;
    }

    private static int ChunksWritten(IPacedSong song) =>
        (song.FramesWritten + (song.IsWritten ? FramesPerChunk - 1 : 0)) / FramesPerChunk;

    private static double Seconds(int frames) => frames / (double)Tracks.FramesPerSecond;
}
