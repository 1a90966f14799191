using System.Collections.Concurrent;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;

namespace YueService.Jobs;

/// <summary>Estimates when songs will be finished, from the time that recent songs took and the expected work of each song.</summary>
internal sealed class JobEstimate(ISongEngine engine, Lazy<IJobBoard> board)
{
    // Below this fraction of the work, the elapsed time says nothing about the rest.
    private const double MinFraction = 0.02;

    // The range of the suggested waiting times before the first song has been measured.
    private const double MinFirstRetrySeconds = 5;
    private const double MaxFirstRetrySeconds = 15;

    private readonly ConcurrentDictionary<Job, bool> _running = new();
    private double _songSeconds;
    private double _secondsPerWork;

    private double _allSongSeconds;

    /// <summary>The average time of a song from start to end, over all workers if jobs are shared; null before the first song.</summary>
    public TimeSpan? SongTime => Volatile.Read(ref _allSongSeconds) is var seconds and > 0 ? TimeSpan.FromSeconds(seconds) : OwnSongTime;

    /// <summary>The average time of a song in this process: the last song has a weight of one half, the one before it a quarter, and so on.
    /// Null before the first song.</summary>
    public TimeSpan? OwnSongTime => Volatile.Read(ref _songSeconds) is var seconds and > 0 ? TimeSpan.FromSeconds(seconds) : null;

    /// <summary>Sets the average time of a song over all workers; null before the first song.</summary>
    public void NoteAll(TimeSpan? song) => Volatile.Write(ref _allSongSeconds, song?.TotalSeconds ?? 0);

    /// <summary>Records that an engine has begun a job.</summary>
    public void Begin(Job job) => _running[job] = true;

    /// <summary>Records that a job has ended or is waiting again.</summary>
    public void End(Job job) => _running.TryRemove(job, out _);

    /// <summary>Adds the time of a finished song to the average.</summary>
    public void Measure(Job job, TimeSpan time)
    {
        Add(ref _songSeconds, time.TotalSeconds);
        if (WorkOf(job) is { } work and > 0)
        {
            Add(ref _secondsPerWork, time.TotalSeconds / work);
        }
    }

    /// <summary>Returns the seconds until a job's song is finished; null if the job has ended, if no worker can take it, or if nothing has
    /// been measured.</summary>
    public double? SecondsLeft(JobUpdate now, Job job) => now.State switch
    {
        JobState.Running => SecondsLeftOfRunning(now, job) is { } left ? Round(left) : null,
        JobState.Queued when SongTime is not null && job.WaitReason is null =>
            Round(SecondsUntilEnd(board.Value.Before(job), [SecondsOf(WorkOf(job))])),
        _ => null,
    };

    /// <summary>Returns the seconds until the songs of a request would be finished if they were queued now; null before the
    /// first song.</summary>
    /// <param name="request">The request.</param>
    /// <param name="takes">The number of songs.</param>
    public double? SecondsForNew(SongRequest request, int takes) => SongTime is null ? null
        : Round(SecondsUntilEnd(board.Value.Before(null), Enumerable.Repeat(SecondsOf(engine.WorkOf(request)), takes)));

    /// <summary>Returns the remaining seconds of work, from the elapsed time and the finished fraction; null if the fraction is too
    /// small.</summary>
    public static double? SecondsLeft(double fraction, TimeSpan elapsed) =>
        fraction >= MinFraction ? elapsed.TotalSeconds * (1 - fraction) / fraction : null;

    /// <summary>Returns the time after which a caller should try again if the queue is full.</summary>
    /// <remarks>A slot becomes free when the next song ends, and all slots are free when the last current song ends. A random time between
    /// the two distributes the callers over the slots.</remarks>
    public TimeSpan RetryAfter()
    {
        var (first, last) = SongTime is { } song
            ? (song.TotalSeconds / Places, song.TotalSeconds * (board.Value.Depth + engine.Status.Running) / Places)
            : (MinFirstRetrySeconds, MaxFirstRetrySeconds);
        return TimeSpan.FromSeconds(first + (Math.Max(0, last - first) * Random.Shared.NextDouble()));
    }

    private int Places => Math.Max(1, engine.Status.SongsAtOnce);

    /// <summary>Returns the seconds until the last of several new songs ends. Each song begins when a slot is free and the songs before it
    /// have begun. A job that no worker can take does not delay others.</summary>
    private double SecondsUntilEnd(IReadOnlyList<Job> before, IEnumerable<double> seconds)
    {
        var running = _running.Keys.Select(job => SecondsLeftOfRunning(job.Feed.Latest, job) ?? 0).OrderDescending().Take(Places).ToList();
        var free = new PriorityQueue<double, double>(Places);
        foreach (var left in running.Concat(Enumerable.Repeat(0.0, Places - running.Count)))
        {
            free.Enqueue(left, left);
        }

        var last = 0.0;
        foreach (var song in before.Where(job => job.WaitReason is null).Select(job => SecondsOf(WorkOf(job))).Concat(seconds))
        {
            last = free.Dequeue() + song;
            free.Enqueue(last, last);
        }

        return last;
    }

    private double? SecondsLeftOfRunning(JobUpdate now, Job job) =>
        now.Progress is { } progress && SecondsLeft(progress.Fraction, job.Running) is { } left ? left
        : SongTime is null ? null
        : Math.Max(0, SecondsOf(WorkOf(job)) - job.Running.TotalSeconds);

    /// <summary>Returns the expected time of a song in seconds, from its work; the average time of a song if the work is unknown.</summary>
    private double SecondsOf(double? work) =>
        Volatile.Read(ref _secondsPerWork) is var each and > 0 && work is { } known ? each * known : SongTime?.TotalSeconds ?? 0;

    private double? WorkOf(Job job) => job.Work ??= engine.WorkOf(job.Request.Song);

    /// <summary>Adds a value to an average with a weight of one half.</summary>
    private static void Add(ref double average, double value) =>
        Volatile.Write(ref average, Volatile.Read(ref average) is var old and > 0 ? (old + value) / 2 : Math.Max(value, double.Epsilon));

    private static double Round(double seconds) => Math.Round(seconds, 1);
}
