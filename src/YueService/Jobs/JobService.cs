using Microsoft.Extensions.Options;
using Yue.Engine.Scheduling;
using YueService.Api.Errors;
using YueService.Settings;

namespace YueService.Jobs;

/// <summary>Resumes the jobs of an earlier process, removes old songs, and drains at shutdown.</summary>
/// <remarks>If the store cannot be opened, the service starts and tries again until it can. Any other exception ends the process.</remarks>
internal sealed partial class JobService(
    ISongEngine engine,
    IJobStore store,
    IJobQueue queue,
    SongJobs jobs,
    SongFolder songs,
    ReferenceFolder references,
    Retention retention,
    JobSignals signals,
    JobFailure failure,
    IOptions<JobOptions> options,
    ILogger<JobService> logger) : BackgroundService, IHostedLifecycleService
{
    private static readonly TimeSpan OpenRetry = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan RestoreInterval = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan StoreLimit = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan SweepInterval = TimeSpan.FromHours(1);

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Begins when the server listens: a second process that cannot leaves the first one's jobs alone.</summary>
    public Task StartedAsync(CancellationToken cancellationToken) => base.StartAsync(cancellationToken);

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Drains while the server still answers, so that health says so and watchers see their songs end.</summary>
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(TimeSpan.FromSeconds(options.Value.DrainSeconds));
        if (engine is IHostedService hosted)
        {
            await hosted.StopAsync(limit.Token);
        }

        // The engine has ended every song, and only the ends are left to store. The next process completes a job whose end is not stored.
        await Task.WhenAny(jobs.WhenIdleAsync(), Task.Delay(StoreLimit, signals.Stopped));
        signals.Stop();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            var waiting = await RecoverAsync(stoppingToken);
            await RestoreAsync(waiting, stoppingToken);
            while (true)
            {
                if (await IsWritableAsync(stoppingToken))
                {
                    await SweepAsync(stoppingToken);
                }

                await signals.WaitAsync(signals.IsSuspect ? OpenRetry : SweepInterval, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The service stops.
        }
#pragma warning disable CA1031 // The host does not watch a service that starts after the others, so it reports its failure itself.
        catch (Exception e)
#pragma warning restore CA1031
        {
            failure.Report(e);
        }
    }

    /// <summary>Tries to write after a job could not be stored.</summary>
    private async Task<bool> IsWritableAsync(CancellationToken cancel)
    {
        if (signals.IsSuspect)
        {
            try
            {
                await store.OpenAsync(cancel);
                signals.Trust();
            }
            catch (StorageException e)
            {
                signals.Suspect(e, wake: false);
            }
        }

        return !signals.IsSuspect;
    }

    /// <summary>Opens the store and sorts out what is in it.</summary>
    /// <returns>The jobs to make, the oldest first.</returns>
    private async Task<Queue<string>> RecoverAsync(CancellationToken cancel)
    {
        string? told = null;
        while (true)
        {
            try
            {
                await store.OpenAsync(cancel);
                await retention.RecoverAsync(cancel);
                var waiting = await ReviveAsync(cancel);

                // New songs wait until those from before the restart have their places.
                queue.IsHeld = waiting.Count > 0;
                signals.Tried(null);
                return waiting;
            }
            catch (StorageException e)
            {
                signals.Tried(e);
                if (told != e.Message)
                {
                    LogClosed(e.Message, options.Value.StateFolder);
                    told = e.Message;
                }

                await Task.Delay(OpenRetry, cancel);
            }
        }
    }

    private async Task<Queue<string>> ReviveAsync(CancellationToken cancel)
    {
        var waiting = new Queue<string>();
        foreach (var job in await store.ListUnfinishedAsync(cancel))
        {
            if (job.IsDamaged)
            {
                await store.FailAsync(job.Id, job.Fault!, cancel);
            }
            else if (songs.Find(job.Id) is { } song)
            {
                // The files were in place when the process died, only the row was not.
                await store.SucceedAsync(job.Id, song, cancel);
            }
            else if (job.State == JobState.Running && job.Interruptions > 0)
            {
                LogGivenUp(job.Id);
                await store.FailAsync(job.Id, Interrupted(), cancel);
            }
            else
            {
                if (job.State == JobState.Running)
                {
                    await store.RequeueAsync(job.Id, interrupted: true, cancel);
                }

                waiting.Enqueue(job.Id);
            }
        }

        references.Sweep(waiting.ToHashSet(StringComparer.Ordinal));
        if (waiting.Count > 0)
        {
            LogRevived(waiting.Count);
        }

        return waiting;
    }

    /// <summary>Hands the old jobs over as the engine takes them, then lets new songs in.</summary>
    private async Task RestoreAsync(Queue<string> waiting, CancellationToken cancel)
    {
        while (waiting.TryPeek(out var next))
        {
            if (engine.Status.State == EngineState.Ready && await TryRestoreAsync(next, cancel))
            {
                waiting.Dequeue();
            }
            else
            {
                await Task.Delay(RestoreInterval, cancel);
            }
        }

        queue.IsHeld = false;
    }

    private async Task<bool> TryRestoreAsync(string id, CancellationToken cancel)
    {
        try
        {
            return await jobs.TryRestoreAsync(id, cancel);
        }
        catch (StorageException)
        {
            return false;
        }
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

    private static JobFault Interrupted() => new(
        ProblemType.SongFailed.Urn, ProblemType.SongFailed.Title, "The service ended twice while this song was made. Ask for it again.");

    [LoggerMessage(LogLevel.Error, "Jobs cannot be taken: {Reason} Yue:StateFolder is {Folder}. It is tried again every two seconds")]
    private partial void LogClosed(string reason, string folder);

    [LoggerMessage(LogLevel.Information, "{Count} jobs from before the restart are queued again")]
    private partial void LogRevived(int count);

    [LoggerMessage(LogLevel.Error, "Job {JobId} was running twice when the process ended, and is given up")]
    private partial void LogGivenUp(string jobId);

    [LoggerMessage(LogLevel.Warning, "Old songs could not be removed")]
    private partial void LogUnswept(Exception exception);
}
