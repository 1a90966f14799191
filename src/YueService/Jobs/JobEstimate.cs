using Yue.Engine.Scheduling;

namespace YueService.Jobs;

/// <summary>Estimates when songs will be there, from the time that the last ones took.</summary>
internal sealed class JobEstimate(ISongEngine engine, JobOrder order)
{
    // Earlier the elapsed time says nothing about the rest.
    private const double MinFraction = 0.02;

    // The range of waits that are suggested before a song was measured.
    private const double MinFirstRetrySeconds = 5;
    private const double MaxFirstRetrySeconds = 15;

    private long _songTicks;

    /// <summary>The time that a song takes once it has begun: half the last song, a quarter the one before, and so on. Null before
    /// one was made.</summary>
    public TimeSpan? SongTime => Interlocked.Read(ref _songTicks) is var ticks and > 0 ? TimeSpan.FromTicks(ticks) : null;

    /// <summary>Takes the time of a finished song into account.</summary>
    public void Measure(TimeSpan song)
    {
        var old = Interlocked.Read(ref _songTicks);
        Interlocked.Exchange(ref _songTicks, Math.Max(1, old == 0 ? song.Ticks : (old + song.Ticks) / 2));
    }

    /// <summary>Returns the seconds until a job's song is there; null when the job is finished or nothing was measured yet.</summary>
    public double? SecondsLeft(JobUpdate now, Job job) => now.State switch
    {
        JobState.Running when now.Progress is { } progress && SecondsLeft(progress.Fraction, job.Running) is { } left => Round(left),
        JobState.Running when SongTime is { } whole => Round(Math.Max(0, (whole - job.Running).TotalSeconds)),
        JobState.Queued when SongTime is { } whole => Round(whole.TotalSeconds * (1 + (double)job.Position / Places)),
        _ => null,
    };

    /// <summary>The seconds until the song of a job would be there that was queued now; null before one was measured.</summary>
    public double? SecondsForNewJob => SongTime is not { } whole ? null
        : Round(whole.TotalSeconds * (1 + ((order.Depth + (engine.Status.Running < Places ? 0.0 : 1)) / Places)));

    /// <summary>Returns the seconds left of work of which a fraction is done; null where that says nothing about the rest.</summary>
    public static double? SecondsLeft(double fraction, TimeSpan elapsed) =>
        fraction >= MinFraction ? elapsed.TotalSeconds * (1 - fraction) / fraction : null;

    /// <summary>Returns the time after which a caller should ask again that found the queue full.</summary>
    /// <remarks>A place becomes free whenever a song ends, and all present ones have become free when the last present song ends. A
    /// random time between the two spreads the callers over the places.</remarks>
    public TimeSpan RetryAfter()
    {
        var (first, last) = SongTime is { } song
            ? (song.TotalSeconds / Places, song.TotalSeconds * (order.Depth + engine.Status.Running) / Places)
            : (MinFirstRetrySeconds, MaxFirstRetrySeconds);
        return TimeSpan.FromSeconds(first + (Math.Max(0, last - first) * Random.Shared.NextDouble()));
    }

    private int Places => Math.Max(1, engine.Status.SongsAtOnce);

    private static double Round(double seconds) => Math.Round(seconds, 1);
}
