namespace YueService.Jobs.Shared;

/// <summary>Removes files that no job needs: files of ignored attempts, files of jobs that ended without their worker, the sound that was
/// relayed while songs were being made, and partial files of processes that died.</summary>
/// <remarks>A file younger than a day may belong to a job that is being stored. After an older backup of the database is restored, many
/// songs have no row. Therefore a sweep that would remove more than a few songs, and more than a few percent of all songs, removes neither
/// songs nor reference clips, and logs an error.</remarks>
internal sealed partial class SharedSweep(
    IFileStore files, IJobLog log, PostgresCallers callers, SharedSettings settings, JobSignals signals, TimeProvider clock,
    ILogger<SharedSweep> logger)
    : BackgroundService
{
    private const string Songs = "songs/";
    private const string References = "references/";
    private const string Sound = "sound/";
    private const int Few = 20;
    private const double MaxShare = 0.05;

    private static readonly TimeSpan Interval = TimeSpan.FromHours(1);
    private static readonly TimeSpan MinAge = TimeSpan.FromHours(24);
    private static readonly TimeSpan SoundAge = TimeSpan.FromHours(1);

    /// <summary>Removes the files that are due for removal.</summary>
    /// <returns>The removed folders and files, except partial files.</returns>
    public async Task<IReadOnlyList<string>> SweepAsync(CancellationToken cancel)
    {
        await files.RecoverAsync(cancel);
        var removed = new List<string>();
        foreach (var file in await OldAsync(Sound, SoundAge, cancel))
        {
            await files.DeleteAsync(file, cancel);
            removed.Add(file);
        }

        // List files first, then rows: a row that is written between the two steps refers to files that are too new to be removed.
        // A file without a folder belongs to no song, for example an object that marks the folder of songs in object storage.
        var songs = (await OldAsync(Songs, MinAge, cancel)).Where(file => file.IndexOf('/', Songs.Length) > 0)
            .Select(file => file[..file.LastIndexOf('/')]).Distinct().ToList();
        var references = await OldAsync(References, MinAge, cancel);
        var unfinished = (await log.ListUnfinishedAsync(cancel)).Select(job => job.Id).ToHashSet(StringComparer.Ordinal);
        var named = (await log.ListFinishedAsync(cancel)).Select(job => Songs + (job.Folder ?? job.Id)).ToHashSet(StringComparer.Ordinal);
        var orphans = songs.Where(folder => !named.Contains(folder) && !unfinished.Contains(folder.Split('/')[1])).ToList();
        if (orphans.Count > Few && orphans.Count > MaxShare * songs.Count)
        {
            LogRefused(orphans.Count, songs.Count);
            return removed;
        }

        foreach (var folder in orphans)
        {
            await files.DeleteFolderAsync(folder, cancel);
            removed.Add(folder);
        }

        foreach (var file in references.Where(file => !unfinished.Contains(file[References.Length..].Split('-')[0])))
        {
            await files.DeleteAsync(file, cancel);
            removed.Add(file);
        }

        return removed;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!settings.IsShared || !settings.TakesJobs)
        {
            return;
        }

        try
        {
            using var timer = new PeriodicTimer(Interval, clock);
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                try
                {
                    await signals.WhenOpenAsync(stoppingToken);
                    await callers.ForgetAsync(stoppingToken);
                    await SweepAsync(stoppingToken);
                }
                catch (StorageException e)
                {
                    LogUnswept(e.Message);
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The process is stopping.
        }
    }

    private async Task<IReadOnlyList<string>> OldAsync(string prefix, TimeSpan age, CancellationToken cancel) =>
        [.. (await files.ListAsync(prefix, cancel)).Where(file => clock.GetUtcNow() - file.ModifiedAt > age).Select(file => file.Name)];

    [LoggerMessage(LogLevel.Error, "{Orphans} of {All} songs have no job, and none of them was removed. This is expected if an older "
        + "backup of the database was restored: keep them, or remove them by hand")]
    private partial void LogRefused(int orphans, int all);

    [LoggerMessage(LogLevel.Warning, "Files without a job could not be removed: {Reason}")]
    private partial void LogUnswept(string reason);
}
