using Microsoft.Extensions.Options;
using YueService.Settings;

namespace YueService.Jobs;

/// <summary>Removes finished jobs that are too old, the oldest songs if the total size exceeds the limit, and unused clips. Favorites are
/// kept, and their files do not count toward the limit.</summary>
/// <remarks>
/// The system clock may jump, even while no process is running. Therefore ages grow with monotonic time within a process, and for 24 hours
/// after startup or a jump, nothing is removed because of its age. Not thread-safe, except <see cref="RemoveAsync"/>.
/// </remarks>
internal sealed partial class Retention(
    IJobLog log,
    SongFolder songs,
    ClipFolder clips,
    IFileStore files,
    JobEvents events,
    IOptions<JobOptions> options,
    TimeProvider clock,
    ILogger<Retention> logger)
{
    private const long Megabyte = 1_000_000;
    private static readonly TimeSpan AgeHold = TimeSpan.FromHours(24);
    private static readonly TimeSpan MaxDrift = TimeSpan.FromMinutes(5);

    private long _holdStart = clock.GetTimestamp();
    private (long Timestamp, DateTimeOffset Time) _lastCheck = (clock.GetTimestamp(), clock.GetUtcNow());

    // The age of each finished job when this process first saw it, and the timestamp of that moment. Null before the first sweep.
    private Dictionary<string, (TimeSpan Age, long Timestamp)>? _seen;

    /// <summary>Removes clips that have expired, and jobs that are due for removal, oldest first. Unfinished jobs and favorites are never
    /// removed.</summary>
    /// <exception cref="StorageException">The storage cannot be used; the remaining jobs are left for the next call.</exception>
    public async Task SweepAsync(CancellationToken cancel)
    {
        CheckClock();
        var trustsClock = clock.GetElapsedTime(_holdStart) >= AgeHold;
        if (trustsClock)
        {
            await clips.SweepAsync(cancel);
        }

        var removesByAge = options.Value.KeepSongsDays > 0 && trustsClock;
        var kept = new Queue<(StoredJob Job, long Bytes)>();
        foreach (var (job, age) in WithAges(await log.ListFinishedAsync(cancel)).Where(aged => !aged.Job.IsFavourite))
        {
            if (removesByAge && age > TimeSpan.FromDays(options.Value.KeepSongsDays))
            {
                await RemoveAsync(job, cancel);
            }
            else
            {
                kept.Enqueue((job, await songs.BytesOfAsync(job, cancel)));
            }
        }

        var limit = options.Value.KeepSongsMegabytes * Megabyte;
        var total = kept.Sum(song => song.Bytes);
        while (limit > 0 && total > limit && kept.TryDequeue(out var oldest))
        {
            if (oldest.Bytes > 0)
            {
                await RemoveAsync(oldest.Job, cancel);
                total -= oldest.Bytes;
            }
        }
    }

    /// <summary>Removes a finished job: its row, then its files. Leftover files are deleted later.</summary>
    /// <exception cref="StorageException">The row could not be removed, and nothing has changed.</exception>
    public async Task RemoveAsync(StoredJob job, CancellationToken cancel)
    {
        await log.RemoveAsync(job.Id, cancel);
        if (!log.IsShared)
        {
            events.Removed(job.Id);     // with a shared log, every process publishes the removal when it is notified
        }

        LogRemoved(job.Id);
        try
        {
            await songs.DeleteAsync(job, CancellationToken.None);
        }
        catch (StorageException e)
        {
            LogLeftFiles(e, job.Id);
        }
    }

    /// <summary>Completes the interrupted removals of an earlier process, and deletes its partial files and the songs that have no
    /// row.</summary>
    public async Task RecoverAsync(CancellationToken cancel)
    {
        // Earlier releases hid a song before they removed its row.
        foreach (var id in await songs.FindHiddenAsync(cancel))
        {
            await log.RemoveAsync(id, cancel);
        }

        await songs.SweepAsync(await log.ListIdsAsync(cancel), keepUnknown: log.IsNew, cancel);
        await files.RecoverAsync(cancel);
    }

    /// <summary>Restarts the 24-hour hold if the system clock and monotonic time have diverged since the last call.</summary>
    private void CheckClock()
    {
        var now = (Timestamp: clock.GetTimestamp(), Time: clock.GetUtcNow());
        var drift = now.Time - _lastCheck.Time - clock.GetElapsedTime(_lastCheck.Timestamp, now.Timestamp);
        if (drift.Duration() > MaxDrift)
        {
            _holdStart = now.Timestamp;
            LogJump(drift);
        }

        _lastCheck = now;
    }

    /// <summary>Pairs each job with its age: the smaller of the ages by monotonic time and by the system clock.</summary>
    private List<(StoredJob Job, TimeSpan Age)> WithAges(IReadOnlyList<StoredJob> jobs)
    {
        var (now, timestamp) = (clock.GetUtcNow(), clock.GetTimestamp());
        var seen = new Dictionary<string, (TimeSpan Age, long Timestamp)>(StringComparer.Ordinal);
        var aged = new List<(StoredJob, TimeSpan)>();
        foreach (var job in jobs)
        {
            var (age, since) = _seen is null ? (AgeByClock(job), timestamp) : _seen.GetValueOrDefault(job.Id, (TimeSpan.Zero, timestamp));
            seen[job.Id] = (age, since);
            aged.Add((job, Min(AgeByClock(job), age + clock.GetElapsedTime(since, timestamp))));
        }

        _seen = seen;
        return aged;

        TimeSpan AgeByClock(StoredJob job) => job.FinishedAt is { } finished ? now - finished : TimeSpan.Zero;
    }

    private static TimeSpan Min(TimeSpan a, TimeSpan b) => a < b ? a : b;

    [LoggerMessage(LogLevel.Information, "Job {JobId} and its song were removed")]
    private partial void LogRemoved(string jobId);

    [LoggerMessage(LogLevel.Warning, "Files of removed job {JobId} could not be deleted; they will be deleted later")]
    private partial void LogLeftFiles(Exception exception, string jobId);

    [LoggerMessage(LogLevel.Warning, "The system clock jumped by {Jump}; for the next 24 hours, no song is removed because of its age")]
    private partial void LogJump(TimeSpan jump);
}
