using Yue.Engine.Families.Yue1.Tokens;

namespace Yue.Engine.Families.Yue1.Stage2;

/// <summary>The state of a song in stage 2 that the pace depends on.</summary>
internal interface IPacedSong
{
    /// <summary>True while someone is listening.</summary>
    bool IsHeard { get; }

    /// <summary>True once stage 1 has ended.</summary>
    bool IsWritten { get; }

    /// <summary>The number of frames from stage 1, including kept frames.</summary>
    int FramesWritten { get; }

    /// <summary>The number of rows that a chunk of frames takes: one per track.</summary>
    int RowsPerChunk { get; }

    /// <summary>The number of chunks that have begun.</summary>
    int ChunksBegun { get; }

    /// <summary>True if a chunk that has begun still has frames to write.</summary>
    bool IsRunning { get; }

    /// <summary>The seconds of sound that the player has left; null before the first sound.</summary>
    double? LeadSeconds { get; }

    /// <summary>An infinite sequence of the windows to decode: the first frame of each, and the number of frames of the song that it
    /// needs.</summary>
    IEnumerable<(int Start, int FramesNeeded)> WindowsLeft { get; }

    /// <summary>Returns the progress toward finishing all frames before <paramref name="frame"/>, in the chunk that has the most of them
    /// left to write: its number of finished frames, and the number that it has to reach.</summary>
    (int From, int To) FramesTo(int frame);
}

/// <summary>The decision about what stage 2 does next for a song.</summary>
/// <param name="IsDue">True if stage 2 works on the song now. While it does, the song does not request steps of stage 1.</param>
/// <param name="Chunks">The number of chunks to begin.</param>
internal readonly record struct Stage2Turn(bool IsDue, int Chunks)
{
    public static Stage2Turn Wait => default;
}

/// <summary>Decides when stage 2 works on a song, and on how many chunks at once.</summary>
/// <remarks>On a GPU, a step of many chunks takes little more time than a step of one, so chunks that wait to be processed together take
/// less time in total. A song without a listener waits until stage 1 has ended. For a song with a listener, work begins as early as the
/// player needs it and no earlier: each of the song's windows has a time at which the player reaches it, and the spare time is how long the
/// chunks can wait without missing any of these times. The decision depends only on the arguments.</remarks>
internal static class Stage2Pace
{
    /// <summary>The safety margin for one song, for costs that the estimates do not include.</summary>
    private const double MarginSeconds = 0.5;

    /// <summary>The addition to the margin for each additional song, whose prompts and windows may be processed first.</summary>
    private const double MarginSecondsPerSong = 0.1;

    /// <summary>The maximum number of chunks that a song with a listener begins with.</summary>
    public const int MaxFirstChunks = 3;

    private const int MinFirstChunks = 2;

    /// <summary>The number of frames of the first chunk that are finished before the others begin, if a song begins with three chunks. The
    /// first window needs more frames than this, so all three have begun before the first sound is ready.</summary>
    private const int HeadStartFrames = 72;

    /// <summary>The time that decoding one song's windows takes away from the other songs while a chunk is being finished.</summary>
    private const double DecodeSecondsPerSong = 0.05;

    private const int FramesPerChunk = Stage2Chunks.FramesPerChunk;

    /// <summary>The maximum time that stage 1 and stage 2 may take to make sound, as a fraction of the sound's playback time.</summary>
    private const double Load = 0.7;

    /// <summary>Decides what stage 2 does next for a song.</summary>
    /// <param name="song">The song.</param>
    /// <param name="times">The times of the steps.</param>
    /// <param name="rows">The number of rows that stage 2 works on now, including those of other songs.</param>
    public static Stage2Turn Next(IPacedSong song, StepTimes times, int rows)
    {
        var waiting = ChunksWritten(song) - song.ChunksBegun;
        if (!song.IsHeard)
        {
            return new(song.IsWritten, song.IsWritten ? waiting : 0);
        }

        if (song.LeadSeconds is null && song.ChunksBegun < MinFirstChunks && !(song.IsWritten && waiting == 0))
        {
            return Begin(song, waiting, FirstChunks(times));
        }

        var begun = ChunksToBegin(song, waiting, times, rows);
        var isShort = song.IsRunning && Spare(song, song.ChunksBegun, times, rows) < Margin(times);
        return new(song.IsWritten || song.LeadSeconds is null || isShort || begun > 0, begun);
    }

    /// <summary>Returns true if the first sound may be passed on, because the chunks that have begun will be finished before the player
    /// needs them.</summary>
    /// <param name="song">The song, of which at least one window is decoded.</param>
    /// <param name="decodedSeconds">The length of the decoded sound.</param>
    /// <param name="times">The times of the steps.</param>
    /// <param name="rows">The number of rows that stage 2 works on now.</param>
    public static bool CanStart(IPacedSong song, double decodedSeconds, StepTimes times, int rows) =>
        Spare(song, song.ChunksBegun, times, rows, leadSeconds: decodedSeconds) >= DecodeSecondsPerSong * times.SongsTogether;

    /// <summary>Returns the number of chunks that the first sound waits for. Two give stage 1 enough time to write the next ones before
    /// the player needs them. If stage 1 is slow or there are many songs, a third one is needed.</summary>
    public static int FirstChunks(StepTimes times)
    {
        // With n chunks at once, stage 1 and stage 2 take FramesPerChunk · (n · stage 1 + fixed + n · rows) for n chunks of sound.
        var perChunk = FramesPerChunk * (times.Stage1SecondsPerFrame + (times.SecondsPerRow * 2 * times.SongsTogether));
        var (shared, left) = (FramesPerChunk * times.SecondsPerRow * StepTimes.FixedRows, (Load * Seconds(FramesPerChunk)) - perChunk);
        return left <= 0 ? MaxFirstChunks : Math.Clamp((int)Math.Ceiling(shared / left), MinFirstChunks, MaxFirstChunks);
    }

    /// <summary>Decides when the first chunks begin. If there are three and the others are not written yet, the first one begins alone and
    /// gets a head start: the player needs its end first, but three chunks that begin together also end together.</summary>
    private static Stage2Turn Begin(IPacedSong song, int waiting, int first)
    {
        var left = first - song.ChunksBegun;
        if (waiting > 0 && (song.IsWritten || waiting >= left))
        {
            return new(true, Math.Min(waiting, left));
        }

        return first == MinFirstChunks || waiting + song.ChunksBegun == 0
            ? Stage2Turn.Wait
            : new(song.ChunksBegun == 0 || song.FramesTo(FramesPerChunk).From < HeadStartFrames, 1 - song.ChunksBegun);
    }

    /// <summary>Returns the number of chunks to begin now: none until one is needed, then as many as possible without interrupting
    /// playback.</summary>
    /// <remarks>Songs that are written together need their next chunks at the same time, so the same number of rows is assumed for
    /// each. The song's running chunks end soon after the next ones begin, so their rows do not count.</remarks>
    private static int ChunksToBegin(IPacedSong song, int waiting, StepTimes times, int rows)
    {
        double SpareWith(int chunks)
        {
            var begun = song.RowsPerChunk * chunks;
            var expected = Math.Max(song.IsRunning ? 0 : rows + begun, times.SongsTogether * begun);
            return Spare(song, song.ChunksBegun + chunks, times, expected, from: song.ChunksBegun);
        }

        if (waiting == 0 || ((!song.IsWritten || song.IsRunning) && SpareWith(waiting) >= Margin(times)))
        {
            return 0;
        }

        var (chunks, min) = (waiting, Math.Min(waiting, FirstChunks(times)));
        while (chunks > min && SpareWith(chunks) < 0)
        {
            chunks--;
        }

        return chunks;
    }

    /// <summary>Returns the time that can pass before work on chunks must begin, so that each of their windows is ready in time. Windows
    /// that only have to be decoded do not count.</summary>
    /// <param name="song">The song.</param>
    /// <param name="chunks">The number of chunks, counted from the beginning of the song.</param>
    /// <param name="times">The times of the steps.</param>
    /// <param name="rows">The number of rows in each step.</param>
    /// <param name="from">The first chunk whose windows count.</param>
    /// <param name="leadSeconds">The seconds of sound that the player has; null means <see cref="IPacedSong.LeadSeconds"/>.</param>
    private static double Spare(IPacedSong song, int chunks, StepTimes times, int rows, int from = 0, double? leadSeconds = null)
    {
        var (end, lead) = (song.IsWritten ? song.FramesWritten : int.MaxValue, leadSeconds ?? song.LeadSeconds ?? 0);
        var limit = Math.Min(chunks * FramesPerChunk, end);
        var (spare, first) = (double.PositiveInfinity, -1);
        var windows = song.WindowsLeft.TakeWhile(window => window.Start < limit && Math.Min(window.FramesNeeded, end) <= limit);
        foreach (var (start, needed) in windows)
        {
            first = first < 0 ? start : first;
            var frames = song.FramesTo(Math.Min(needed, end));
            if (frames.To > frames.From && Math.Min(needed, end) > from * FramesPerChunk)
            {
                spare = Math.Min(spare, lead + Seconds(start - first) - times.Stage2Seconds(rows, frames));
            }
        }

        return spare;
    }

    /// <summary>Returns the spare time below which work no longer waits.</summary>
    private static double Margin(StepTimes times) => MarginSeconds + (MarginSecondsPerSong * (times.SongsTogether - 1));

    private static int ChunksWritten(IPacedSong song) =>
        (song.FramesWritten + (song.IsWritten ? FramesPerChunk - 1 : 0)) / FramesPerChunk;

    private static double Seconds(int frames) => frames / (double)Tracks.FramesPerSecond;
}
