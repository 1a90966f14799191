using System.Collections.Concurrent;
using System.Security.Cryptography;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;
using YueService.Api.Errors;
using YueService.Telemetry;

namespace YueService.Jobs;

/// <summary>Takes jobs, finds them, cancels them.</summary>
internal sealed partial class SongJobs(
    IJobStore store,
    IJobQueue queue,
    JobRunner runner,
    Retention retention,
    ReferenceFolder references,
    StateFolder state,
    JobSignals signals,
    JobFailure failure,
    TimeProvider clock,
    ILogger<SongJobs> logger) : IDisposable
{
    /// <summary>The time that <see cref="DeleteAsync"/> and <see cref="WhyClosedAsync"/> wait at most, so that they answer within a second.</summary>
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(0.8);

    private readonly SemaphoreSlim _taking = new(1, 1);
    private readonly ConcurrentDictionary<string, LiveJob> _live = new(StringComparer.Ordinal);

    /// <summary>Queues a job, or finds the one that the same key and body made before.</summary>
    /// <param name="request">What is asked for.</param>
    /// <param name="key">The <c>Idempotency-Key</c>; null without one.</param>
    /// <param name="bodyHash">The hash of the body, when there is a key.</param>
    /// <param name="cancel">The caller's patience.</param>
    public async Task<Submission> SubmitAsync(JobRequest request, string? key, string? bodyHash, CancellationToken cancel)
    {
        await signals.WhenOpenAsync(cancel);

        // One at a time, so that two requests with one key make one job.
        await _taking.WaitAsync(cancel);
        try
        {
            if (key is not null && await FindByKeyAsync(key, bodyHash, cancel) is { } known)
            {
                return known;
            }

            var live = new LiveJob(RandomNumberGenerator.GetHexString(32, lowercase: true));
            var outcome = queue.TryEnqueue(request.Song, live, restored: false, out var song, live.Cancelled);
            return outcome == SubmitOutcome.Accepted
                ? Submission.Of(await KeepAsync(live, song!, new NewJob(live.Id, request, key, bodyHash)))
                : Submission.Refused(outcome);
        }
        finally
        {
            _taking.Release();
        }
    }

    /// <summary>The job that a key made before, or that it came with another body; null when the key is new.</summary>
    public async Task<Submission?> FindByKeyAsync(string key, string? bodyHash, CancellationToken cancel)
    {
        await signals.WhenOpenAsync(cancel);
        return await store.FindByKeyAsync(key, cancel) switch
        {
            null => null,
            { } known when known.BodyHash == bodyHash => Submission.Of(known),
            _ => Submission.KeyTaken,
        };
    }

    /// <summary>Hands over a job that was queued before the process started.</summary>
    /// <returns>Whether the queue took it, or it was cancelled meanwhile.</returns>
    public async Task<bool> TryRestoreAsync(string id, CancellationToken cancel)
    {
        await _taking.WaitAsync(cancel);
        try
        {
            if (await store.FindAsync(id, cancel) is not { State: JobState.Queued } job)
            {
                return true;
            }

            if (WithClip(job) is not { } song)
            {
                await store.FailAsync(id, ClipIsGone(), cancel);
                return true;
            }

            using var trace = YueTelemetry.Resume("resume", job.Request.TraceParent);
            var live = new LiveJob(id);
            if (queue.TryEnqueue(song, live, restored: true, out var queued, live.Cancelled) != SubmitOutcome.Accepted)
            {
                return false;
            }

            Follow(live, queued!, job);
            return true;
        }
        finally
        {
            _taking.Release();
        }
    }

    /// <summary>A job as it is now; null when there is none.</summary>
    public async Task<JobView?> FindAsync(string id, CancellationToken cancel)
    {
        await signals.WhenOpenAsync(cancel);
        try
        {
            return await store.FindAsync(id, cancel) is { } job ? View(job) : null;
        }
        catch (StorageException) when (_live.TryGetValue(id, out var live))
        {
            // A job that this process works on can be watched and cancelled without the store.
            return new(live.Job, live);
        }
    }

    /// <summary>Returns why jobs cannot be accepted now; null when they can.</summary>
    public async Task<string?> WhyClosedAsync(CancellationToken cancel)
    {
        if (await signals.WhyClosedAsync(AnswerLimit, cancel) is { } reason)
        {
            return reason;
        }

        try
        {
            state.Claim();
            return null;
        }
        catch (StorageException e)
        {
            return e.Message;
        }
    }

    /// <summary>Stores the size of a file that was added to a song. Without it the next caller has the file made again.</summary>
    public async Task NoteFileAsync(string id, string file, long bytes)
    {
        try
        {
            await store.SetFileSizeAsync(id, file, bytes, CancellationToken.None);
        }
        catch (StorageException e)
        {
            LogUnnoted(e, file, id);
        }
    }

    /// <summary>Jobs from the newest on.</summary>
    public async Task<IReadOnlyList<JobView>> ListAsync(long? before, int count, CancellationToken cancel)
    {
        await signals.WhenOpenAsync(cancel);
        return [.. (await store.ListAsync(before, count, cancel)).Select(View)];
    }

    /// <summary>Cancels an unfinished job. Removes a finished one with its song.</summary>
    /// <returns>The job, which may not have ended yet; null when it was removed.</returns>
    public async Task<JobView?> DeleteAsync(JobView view, CancellationToken cancel)
    {
        if (view.Job.IsFinished)
        {
            await retention.RemoveAsync(view.Job.Id, cancel);
            return null;
        }

        if (view.Live is { } live)
        {
            live.Cancel();
            try
            {
                await Task.WhenAny(live.Ended, live.Delayed).WaitAsync(AnswerLimit, clock, cancel);
            }
            catch (TimeoutException)
            {
                // The engine is in a long step, or the store is slow; the job ends after it.
            }
        }
        else
        {
            await CancelWaitingAsync(view.Job.Id, cancel);
        }

        return await FindAsync(view.Job.Id, cancel);
    }

    /// <summary>Waits until every job that this process works on has ended.</summary>
    public Task WhenIdleAsync() => Task.WhenAll(_live.Values.Select(job => job.Ended));

    public void Dispose() => _taking.Dispose();

    /// <summary>Cancels a job that waits for the engine since before the restart, or that has just been handed over.</summary>
    private async Task CancelWaitingAsync(string id, CancellationToken cancel)
    {
        await _taking.WaitAsync(cancel);
        try
        {
            if (_live.TryGetValue(id, out var live))
            {
                live.Cancel();
            }
            else if (await store.FindAsync(id, cancel) is { IsFinished: false })
            {
                await store.CancelAsync(id, cancel);
                TryDeleteClip(id);
            }
        }
        finally
        {
            _taking.Release();
        }
    }

    private JobView View(JobRecord job) => new(job, _live.GetValueOrDefault(job.Id));

    /// <summary>Stores a job that the queue has taken. Nobody knows of it before, so a failure just takes it out again.</summary>
    private async Task<JobRecord> KeepAsync(LiveJob live, QueuedSong song, NewJob job)
    {
        try
        {
            var files = job.Request.Song.Reference is { } clip ? references.Write(job.Id, clip) : null;
            var record = await store.AddAsync(job with { Files = files }, CancellationToken.None);
            signals.Trust();
            Follow(live, song, record);
            return record;
        }
        catch (StorageException e)
        {
            live.Cancel();
            TryDeleteClip(job.Id);
            signals.Suspect(e);
            throw;
        }
    }

    /// <summary>Deletes the clip of a job that needs it no more; the next start deletes what is left.</summary>
    private void TryDeleteClip(string id)
    {
        try
        {
            references.Delete(id);
        }
        catch (StorageException e)
        {
            LogLeftClip(e, id);
        }
    }

    /// <summary>The song of a stored job with its reference clip; null when the clip is gone.</summary>
    private SongRequest? WithClip(JobRecord job) => job.Request.Song.Reference is not { } stored ? job.Request.Song
        : references.Read(job.Id, stored, job.Files) is { } clip ? job.Request.Song with { Reference = clip }
        : null;

    private static JobFault ClipIsGone() => new(
        ProblemType.SongFailed.Urn, ProblemType.SongFailed.Title, "The reference clip is gone from the state folder, or damaged. Ask for the song again.");

    private void Follow(LiveJob live, QueuedSong song, JobRecord job)
    {
        live.Queued = song;
        live.Job = job;
        _live[live.Id] = live;
        _ = Task.Run(FollowAsync);

        async Task FollowAsync()
        {
            try
            {
                await runner.RunAsync(live, job);
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

            _live.TryRemove(live.Id, out _);
            live.Leave();
            live.Dispose();
        }
    }

    [LoggerMessage(LogLevel.Warning, "The size of {File} of job {JobId} could not be stored")]
    private partial void LogUnnoted(Exception exception, string file, string jobId);

    [LoggerMessage(LogLevel.Warning, "The reference clip of job {JobId} could not be deleted")]
    private partial void LogLeftClip(Exception exception, string jobId);
}

/// <summary>A job with what this process knows of it.</summary>
/// <param name="Job">As stored.</param>
/// <param name="Live">Null when the process does not work on it.</param>
internal sealed record JobView(JobRecord Job, LiveJob? Live)
{
    /// <summary>The state; the store may lag behind a job that has just begun.</summary>
    public JobState State => Job.IsFinished || Live is null ? Job.State : Live.Latest.State;

    /// <summary>Why the job has not ended yet, although its song is made or it was cancelled; null otherwise.</summary>
    public string? Note => Job.IsFinished || Live is null ? null
        : Live.DelayReason is { } reason ? $"The job ends as soon as its end can be stored. {reason}"
        : Live.Cancelled.IsCancellationRequested ? "The job is cancelled as soon as its current step is done and its end is stored."
        : null;
}

/// <summary>What became of a submission.</summary>
/// <param name="Outcome">Accepted, or why not.</param>
/// <param name="Job">The job when accepted; null when the key is taken by another body.</param>
internal sealed record Submission(SubmitOutcome Outcome, JobRecord? Job)
{
    /// <summary>The idempotency key belongs to another body.</summary>
    public static Submission KeyTaken { get; } = new(SubmitOutcome.Accepted, null);

    public static Submission Of(JobRecord job) => new(SubmitOutcome.Accepted, job);

    public static Submission Refused(SubmitOutcome outcome) => new(outcome, null);
}
