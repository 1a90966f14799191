using System.Diagnostics;
using Yue.Engine.Scheduling;

namespace YueService.Jobs.Shared;

/// <summary>Sends this process's heartbeats, and tracks the other processes that share the jobs.</summary>
internal sealed partial class SharedProcesses(
    PostgresDatabase database,
    PostgresQueue queue,
    SharedSettings settings,
    Lazy<ISongEngine> engine,
    JobEstimate estimate,
    JobSignals signals,
    SongFolder songs,
    ILogger<SharedProcesses> logger) : BackgroundService
{
    private static readonly TimeSpan Beat = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan AnnounceInterval = TimeSpan.FromHours(1);

    private volatile IReadOnlyList<ProcessHeartbeat> _live = [];
    private volatile IReadOnlyList<ProcessModel> _known = [];
    private IReadOnlyList<ProcessModel> _announced = [];
    private long _announcedAt;
    private bool _isSilent;

    /// <summary>The workers with a recent heartbeat.</summary>
    public IReadOnlyList<ProcessHeartbeat> Workers => [.. _live.Where(process => process.MakesSongs)];

    private TimeSpan Limit => settings.Lease;

    /// <summary>The models of the workers with a recent heartbeat.</summary>
    public IReadOnlySet<string> Models =>
        Workers.SelectMany(worker => worker.About.Models).Select(model => model.Name).ToHashSet(StringComparer.Ordinal);

    /// <summary>The models that workers have or had recently.</summary>
    public IReadOnlyList<ProcessModel> KnownModels => _known;

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        if (!settings.IsShared)
        {
            return;
        }

        try
        {
            await queue.LeaveAsync(settings.ProcessId, cancellationToken);
        }
        catch (Exception e) when (e is StorageException or OperationCanceledException)
        {
            // Other processes notice the missing heartbeat.
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!settings.IsShared)
        {
            return;
        }

        try
        {
            using var timer = new PeriodicTimer(Beat);
            do
            {
                await BeatAsync(stoppingToken);
            }
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The process is stopping.
        }
    }

    private async Task BeatAsync(CancellationToken cancel)
    {
        try
        {
            await signals.WhenOpenAsync(cancel);
            var beat = Heartbeat();

            // The models are stored before the heartbeat: if this process ends right after the heartbeat, its models are still known.
            await AnnounceAsync(beat.About.Models, cancel);
            await queue.BeatAsync(beat, Limit, cancel);
            _live = await queue.LiveAsync(Limit, cancel);
            _known = settings.TakesJobs ? await queue.ModelsAsync(cancel) : [];
            estimate.NoteAll(SongTime(Workers));
            signals.Trust();
            _isSilent = false;
            await ReapAsync(cancel);
        }
        catch (StorageException e)
        {
            signals.Suspect(e, wake: false);
            if (!_isSilent)
            {
                _isSilent = true;
                LogSilent(e.Message);
            }
        }
    }

    /// <summary>Records this process's models when they have changed, and also periodically, so that they are still known after the process
    /// has ended.</summary>
    private async Task AnnounceAsync(IReadOnlyList<ProcessModel> models, CancellationToken cancel)
    {
        if (models.Count > 0 && (!models.SequenceEqual(_announced) || Stopwatch.GetElapsedTime(_announcedAt) > AnnounceInterval))
        {
            await queue.AnnounceAsync(models, cancel);
            (_announced, _announcedAt) = (models, Stopwatch.GetTimestamp());
        }
    }

    /// <summary>Takes jobs from dead workers, and cancels jobs whose callers were waiting for responses from dead processes. An outage of
    /// the database must not count as the death of a process, so nothing happens until this process has been able to reach the database
    /// for a whole lease.</summary>
    private async Task ReapAsync(CancellationToken cancel)
    {
        if (database.ReachedFor < settings.Lease)
        {
            return;
        }

        foreach (var (id, state) in await queue.ReapAsync(JobService.Interrupted, cancel))
        {
            LogReaped(id, state);
        }

        foreach (var job in await queue.CancelLeftAsync(settings.Lease, cancel))
        {
            await songs.DeleteAsync(job, cancel);
        }
    }

    /// <summary>Returns the mean time per song over all slots of all workers: slots divided by songs per second.</summary>
    private static TimeSpan? SongTime(IReadOnlyList<ProcessHeartbeat> workers)
    {
        var measured = workers.Select(worker => worker.About).Where(about => about is { Slots: > 0, SongSeconds: > 0 }).ToList();
        var songsPerSecond = measured.Sum(about => about.Slots / about.SongSeconds!.Value);
        return songsPerSecond > 0 ? TimeSpan.FromSeconds(measured.Sum(about => about.Slots) / songsPerSecond) : null;
    }

    private ProcessHeartbeat Heartbeat()
    {
        var status = settings.MakesSongs ? engine.Value.Own()?.Status : null;
        var isReady = status?.State == EngineState.Ready;
        return new(
            settings.ProcessId,
            settings.ProcessName,
            settings.MakesSongs,
            settings.TakesJobs,
            new(
                isReady ? [.. status!.SongModels.Select(model => new ProcessModel(model.Name, model.Family.Name))] : [],
                isReady ? status!.SongsAtOnce : 0,
                status?.Running ?? 0,
                estimate.OwnSongTime?.TotalSeconds,
                status?.Device ?? "",
                status?.IsDemo ?? false));
    }

    [LoggerMessage(LogLevel.Warning, "This process cannot send its heartbeat: {Reason}")]
    private partial void LogSilent(string reason);

    [LoggerMessage(LogLevel.Warning, "The worker of job {JobId} has died; the job is now {State}")]
    private partial void LogReaped(string jobId, string state);
}
