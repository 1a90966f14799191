using Microsoft.Extensions.Options;
using YueService.Settings;

namespace YueService.Jobs;

/// <summary>Removes finished jobs that are too old, and the oldest songs when all together take too much.</summary>
internal sealed partial class Retention(
    IJobStore store, SongFolder songs, IOptions<JobOptions> options, TimeProvider clock, ILogger<Retention> logger)
{
    private const long Megabyte = 1_000_000;

    /// <summary>Removes what is due, the oldest first. Jobs that are not finished are never touched.</summary>
    /// <exception cref="StorageException">The rest is left for the next time.</exception>
    public async Task SweepAsync(CancellationToken cancel)
    {
        var kept = new Queue<(JobRecord Job, long Bytes)>();
        foreach (var job in await store.ListFinishedAsync(cancel))
        {
            if (IsTooOld(job))
            {
                await RemoveAsync(job.Id, cancel);
            }
            else
            {
                kept.Enqueue((job, songs.BytesOf(job.Id)));
            }
        }

        var limit = options.Value.KeepSongsMegabytes * Megabyte;
        var total = kept.Sum(song => song.Bytes);
        while (limit > 0 && total > limit && kept.TryDequeue(out var oldest))
        {
            if (oldest.Bytes > 0)
            {
                await RemoveAsync(oldest.Job.Id, cancel);
                total -= oldest.Bytes;
            }
        }
    }

    /// <summary>Removes a finished job: out of sight, then the row, then the files. <see cref="RecoverAsync"/> goes on after a kill.</summary>
    public async Task RemoveAsync(string id, CancellationToken cancel)
    {
        songs.Hide(id);
        await store.RemoveAsync(id, cancel);
        songs.Purge(id);
        LogRemoved(id);
    }

    /// <summary>Finishes the removals and drops the half writes of a process that died.</summary>
    public async Task RecoverAsync(CancellationToken cancel)
    {
        foreach (var id in songs.Sweep())
        {
            await store.RemoveAsync(id, cancel);
            songs.Purge(id);
        }
    }

    // A clock that stepped back makes ages negative: nothing is too old then.
    private bool IsTooOld(JobRecord job) =>
        options.Value.KeepSongsDays > 0 && clock.GetUtcNow() - job.FinishedAt > TimeSpan.FromDays(options.Value.KeepSongsDays);

    [LoggerMessage(LogLevel.Information, "Job {JobId} and its song were removed")]
    private partial void LogRemoved(string jobId);
}
