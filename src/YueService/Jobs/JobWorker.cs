using System.Collections.Concurrent;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;
using YueService.Telemetry;

namespace YueService.Jobs;

/// <summary>Gives waiting jobs to the engine when it has room, and follows each to its end.</summary>
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

    /// <summary>Returns a kept job that has not ended; null if this process does not work on it.</summary>
    public Job? Find(string id) => _kept.GetValueOrDefault(id);

    /// <summary>The kept jobs that have not ended, the oldest first.</summary>
    public IReadOnlyList<Job> Unfinished => [.. _kept.Values.OrderBy(job => job.Stored!.Number)];

    /// <summary>Makes a job known before it is in the queue.</summary>
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

    /// <summary>Follows a job that another process has taken, in the trace of its request.</summary>
    public void Resume(Job job)
    {
        using var trace = YueTelemetry.Resume("resume", job.Request.TraceParent);
        job.Trace = trace?.Context ?? default;
        Start(job);
    }

    /// <summary>Completes when every kept job that this process works on has ended.</summary>
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
            // The process stops. The engine was drained before.
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

    /// <summary>Returns the request of a job. The clip of a job of an earlier process is in files.</summary>
    private async Task<SongRequest> SongAsync(Job job, CancellationToken cancel) =>
        job.Request.Song is not { Reference: { Tracks.Count: 0 } stored } song ? job.Request.Song
        : await references.ReadAsync(job.Id, stored, job.Stored?.Files, cancel) is { } clip ? song with { Reference = clip }
        : throw new JobFaultException(new(
            FaultKind.SongFailed, "The reference clip is gone from the state folder, or damaged. Ask for the song again."));

    /// <summary>Refuses every job that waits, now and from now on: the engine takes none any more.</summary>
    private async Task RefuseAllAsync(Exception reason, CancellationToken cancel)
    {
        try
        {
            // The jobs that others can claim wait for them.
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
            // The process stops.
        }
    }

    /// <summary>Ends a cancelled job that the engine has not got; the engine ends the others.</summary>
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
                    // Otherwise the board tells of it.
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
#pragma warning disable CA1031 // A bug, which ends the process. After the service stopped, its parts may be disposed.
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
