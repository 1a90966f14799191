using System.Diagnostics;
using Microsoft.Extensions.Options;
using Yue.Engine.Scheduling;
using YueService.Settings;

namespace YueService.Jobs;

/// <summary>Resumes the jobs of an earlier process, removes old songs, and drains at shutdown.</summary>
/// <remarks>If the store cannot be opened, the service starts anyway and keeps trying to open it. Any other exception ends the
/// process.</remarks>
internal sealed partial class JobService(
    ISongEngine engine,
    IJobLog log,
    JobIntake intake,
    JobWorker worker,
    SongFolder songs,
    ReferenceFolder references,
    Retention retention,
    JobSignals signals,
    JobFailure failure,
    IOptions<JobOptions> options,
    ILogger<JobService> logger) : BackgroundService, IHostedLifecycleService
{
    private static readonly TimeSpan OpenRetry = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan StoreLimit = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan SweepInterval = TimeSpan.FromHours(1);

    // A sweep reads all finished jobs. If many processes did so after every song, they would do little else.
    private static readonly TimeSpan SharedSweepRest = TimeSpan.FromMinutes(1);

    private long? _sweptAt;

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Begins when the server is listening, so a second process that cannot listen does not touch the first one's jobs.</summary>
    public Task StartedAsync(CancellationToken cancellationToken) => base.StartAsync(cancellationToken);

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Drains while the server still responds, so that /health reports the drain and watchers see their songs end.</summary>
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(TimeSpan.FromSeconds(options.Value.DrainSeconds));
        await engine.DrainAsync(limit.Token);

        // The engine has ended every song, so only the ends of jobs still have to be stored. If the end of a job is not stored in time, the
        // next process completes the job.
        await Task.WhenAny(worker.WhenIdleAsync(), Task.Delay(StoreLimit, signals.Stopped));
        signals.Stop();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await RecoverAsync(stoppingToken);
            while (true)
            {
                var isDue = !log.IsShared || _sweptAt is not { } sweptAt || Stopwatch.GetElapsedTime(sweptAt) > SharedSweepRest;
                if (await IsWritableAsync(stoppingToken) && isDue)
                {
                    _sweptAt = Stopwatch.GetTimestamp();
                    await SweepAsync(stoppingToken);
                }

                var rest = isDue ? SweepInterval : SharedSweepRest;
                await signals.WaitAsync(signals.IsSuspect ? OpenRetry : rest, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The service is stopping.
        }
#pragma warning disable CA1031 // The host does not observe services that start late, so this service reports its failure itself.
        catch (Exception e)
#pragma warning restore CA1031
        {
            failure.Report(e);
        }
    }

    /// <summary>Tests whether the log can be written to again after a write failed.</summary>
    private async Task<bool> IsWritableAsync(CancellationToken cancel)
    {
        if (signals.IsSuspect)
        {
            try
            {
                await log.OpenAsync(cancel);
                signals.Trust();
            }
            catch (StorageException e)
            {
                signals.Suspect(e, wake: false);
            }
        }

        return !signals.IsSuspect;
    }

    /// <summary>Opens the log, retrying until that succeeds, and resumes its jobs unless they are shared.</summary>
    private async Task RecoverAsync(CancellationToken cancel)
    {
        string? logged = null;
        while (true)
        {
            try
            {
                await log.OpenAsync(cancel);
                if (!log.IsShared)
                {
                    await retention.RecoverAsync(cancel);
                    intake.Restore(await ReviveAsync(cancel));
                }

                signals.SetOpenResult(null);
                return;
            }
            catch (StorageException e)
            {
                signals.SetOpenResult(e);
                if (logged != e.Message)
                {
                    LogClosed(e.Message, log.IsShared ? "" : $" Yue:StateFolder is {options.Value.StateFolder}.");
                    logged = e.Message;
                }

                await Task.Delay(OpenRetry, cancel);
            }
        }
    }

    /// <summary>Completes or fails the jobs of an earlier process if their state already decides their end, and queues interrupted jobs
    /// again.</summary>
    /// <returns>The jobs to run, oldest first.</returns>
    private async Task<IReadOnlyList<StoredJob>> ReviveAsync(CancellationToken cancel)
    {
        var waiting = new List<StoredJob>();
        foreach (var job in await log.ListUnfinishedAsync(cancel))
        {
            if (job.IsDamaged)
            {
                await log.FailAsync(job, job.Fault!, cancel);
            }
            else if (await songs.FindAsync(job, cancel) is { } song)
            {
                // The files were in place when the process died, but the row was not updated.
                await log.SucceedAsync(job, song, cancel);
            }
            else if (job.State == JobState.Running && job.Interruptions > 0)
            {
                LogGivenUp(job.Id);
                await log.FailAsync(job, Interrupted, cancel);
            }
            else if (job.State == JobState.Running)
            {
                await songs.DeleteAsync(job, cancel);
                await log.RequeueAsync(job, interrupted: true, cancel);
                waiting.Add(job with { State = JobState.Queued, StartedAt = null, Interruptions = job.Interruptions + 1 });
            }
            else
            {
                waiting.Add(job);
            }
        }

        await references.SweepAsync(waiting.Select(job => job.Id).ToHashSet(StringComparer.Ordinal), cancel);
        if (waiting.Count > 0)
        {
            LogRevived(waiting.Count);
        }

        return waiting;
    }

    private async Task SweepAsync(CancellationToken cancel)
    {
        try
        {
            await retention.SweepAsync(cancel);
        }
        catch (StorageException e)
        {
            LogUnswept(e);
        }
    }

    /// <summary>The reason for the failure of a job that was running both times when the service ended.</summary>
    public static Fault Interrupted { get; } = new(
        FaultKind.SongFailed, "The service ended twice while this song was being made. Request it again.");

    [LoggerMessage(LogLevel.Error, "Jobs cannot be accepted: {Reason}{Place} Retrying every two seconds")]
    private partial void LogClosed(string reason, string place);

    [LoggerMessage(LogLevel.Information, "Jobs from before the restart that are queued again: {Count}")]
    private partial void LogRevived(int count);

    [LoggerMessage(LogLevel.Error, "The process ended twice while job {JobId} was running, so the job fails")]
    private partial void LogGivenUp(string jobId);

    [LoggerMessage(LogLevel.Warning, "Old songs could not be removed")]
    private partial void LogUnswept(Exception exception);
}
