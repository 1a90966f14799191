using System.Collections.Concurrent;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;
using YueService.Telemetry;

namespace YueService.Jobs;

/// <summary>Passes waiting jobs to the engine when the engine has room, and follows each job until it ends.</summary>
internal sealed partial class JobWorker(
    ISongEngine engine,
    IJobQueue queue,
    JobEstimate estimate,
    JobEnds ends,
    ReferenceFolder references,
    SongTelemetry telemetry,
    JobSignals signals,
    JobFailure failure) : BackgroundService
{
    private readonly ConcurrentDictionary<string, Job> _kept = new(StringComparer.Ordinal);

    /// <summary>Returns an unfinished kept job; null if it is not in this process.</summary>
    public Job? Find(string id) => _kept.GetValueOrDefault(id);

    /// <summary>The unfinished kept jobs, oldest first.</summary>
    public IReadOnlyList<Job> Unfinished => [.. _kept.Values.OrderBy(job => job.Stored!.Number)];

    /// <summary>Adds a kept job to the unfinished jobs. Must be called before <see cref="Start"/> or <see cref="Resume"/>.</summary>
    public void Register(Job job)
    {
        if (job.Stored is not null)
        {
            _kept[job.Id] = job;
        }
    }

    /// <summary>Follows a job that is in the queue.</summary>
    public void Start(Job job)
    {
        _ = job.Cancelled.UnsafeRegister(_ => Withdraw(job), null);
        _ = Task.Run(() => FollowAsync(job));
    }

    /// <summary>Follows a job that was read from the log, in the trace of its request.</summary>
    public void Resume(Job job)
    {
        using var trace = YueTelemetry.Resume("resume", job.Request.TraceParent);
        job.Trace = trace?.Context ?? default;
        Start(job);
    }

    /// <summary>Completes when every kept job of this process has ended.</summary>
    public Task WhenIdleAsync() => Task.WhenAll(_kept.Values.Select(job => job.Feed.Ended));

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (true)
            {
                await queue.WhenWaitingAsync(stoppingToken);
                await engine.WhenRoomAsync(stoppingToken);
                if (await queue.ClaimAsync(stoppingToken) is { } job)
                {
                    if (queue.IsShared)
                    {
                        Register(job);
                        Resume(job);
                    }

                    await AdmitAsync(job, stoppingToken);
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The process is stopping. The engine has already been drained.
        }
        catch (Exception e) when (e is EngineDeadException or SongException)
        {
            await RefuseAllAsync(e, stoppingToken);
        }
#pragma warning disable CA1031 // A bug: jobs would wait forever.
        catch (Exception e)
#pragma warning restore CA1031
        {
            failure.Report(e);
        }
    }

    private async Task AdmitAsync(Job job, CancellationToken cancel)
    {
        try
        {
            var ticket = new SongTicket(await SongAsync(job, cancel), job, job.Cancelled) { Waited = job.Waited, Listener = job.Sound };
            while (!engine.TryAdmit(ticket))
            {
                await engine.WhenRoomAsync(cancel);
            }

            job.Follow(ticket.Result);
        }
        catch (Exception e) when (e is JobFaultException or StorageException)
        {
            job.Refuse(e);
        }
        catch (Exception e) when (e is EngineDeadException or SongException)
        {
            job.Refuse(e);
            throw;
        }
    }

    /// <summary>Returns the request of a job. For a job of an earlier or another process, the clip is loaded from files.</summary>
    private async Task<SongRequest> SongAsync(Job job, CancellationToken cancel) =>
        job.Request.Song is not { Reference: { Tracks.Count: 0 } stored } song ? job.Request.Song
        : await references.ReadAsync(job.Id, stored, job.Stored?.Files, cancel) is { } clip ? song with { Reference = clip }
        : throw new JobFaultException(new(
            FaultKind.SongFailed, "The stored reference clip is missing or damaged. Request the song again."));

    /// <summary>Refuses all waiting jobs, present and future, because the engine accepts no more jobs. Shared jobs are not
    /// refused.</summary>
    private async Task RefuseAllAsync(Exception reason, CancellationToken cancel)
    {
        try
        {
            // Jobs that other processes can claim keep waiting.
            while (!queue.IsShared)
            {
                while (await queue.ClaimAsync(cancel) is { } job)
                {
                    job.Refuse(reason);
                }

                await queue.WhenWaitingAsync(cancel);
            }
        }
        catch (OperationCanceledException)
        {
            // The process is stopping.
        }
    }

    /// <summary>Ends a cancelled job that was not passed to the engine; the engine ends the others.</summary>
    private void Withdraw(Job job)
    {
        if (queue.TryWithdraw(job))
        {
            job.SetCancelled();
        }
    }

    private async Task FollowAsync(Job job)
    {
        try
        {
            await Task.WhenAny(job.Started, job.Song);
            queue.Remove(job);
            if (job.Started.IsCompleted)
            {
                if (!queue.IsShared)
                {
                    // With a shared queue, the board reports which jobs have begun.
                    estimate.Begin(job);
                }

                await (job.Stored is { } started ? ends.NoteStartAsync(started) : Task.CompletedTask);
            }

            await Task.WhenAny(job.Song);
            job.Sound?.End(job.Song);
            Measure(job);
            if (job.Stored is { } stored)
            {
                await ends.EndAsync(job, stored);
            }
            else
            {
                job.Feed.End(OutcomeOf(job.Song));
            }
        }
#pragma warning disable CA1031 // A bug ends the process. After the service has stopped, its parts may be disposed, so errors are ignored.
        catch (Exception e)
#pragma warning restore CA1031
        {
            if (!signals.Stopped.IsCancellationRequested)
            {
                failure.Report(e);
            }
        }

        estimate.End(job);
        _kept.TryRemove(job.Id, out _);
        job.Feed.Leave();
        job.Dispose();
    }

    private void Measure(Job job)
    {
        if (job.Song.IsCompletedSuccessfully)
        {
            var timings = job.Song.Result.Timings;
            estimate.Measure(job, TimeSpan.FromSeconds(timings.TotalSeconds - timings.QueueSeconds));
        }

        telemetry.Record(job);
    }

    private static JobState OutcomeOf(Task song) => song switch
    {
        { IsCompletedSuccessfully: true } => JobState.Succeeded,
        { IsCanceled: true } => JobState.Cancelled,
        _ => JobState.Failed,
    };
}
