using Yue.Engine.Scheduling;

namespace YueService.Jobs;

/// <summary>Takes song requests as jobs.</summary>
internal sealed class JobIntake(
    ISongEngine engine,
    JobOrder order,
    IJobLog log,
    JobWorker worker,
    ReferenceFolder references,
    IStreamEncoder streams,
    JobSignals signals,
    TimeProvider clock) : IDisposable
{
    // Two requests with one key make one job, and a job is deleted before the worker has it or after, not in between.
    private readonly SemaphoreSlim _taking = new(1, 1);

    /// <summary>Returns why no job can be taken now; <see cref="IntakeOutcome.Accepted"/> if one can.</summary>
    public IntakeOutcome WhyRefused =>
        engine.Status.State != EngineState.Ready ? IntakeOutcome.NotReady
        : order.IsFull ? IntakeOutcome.QueueFull
        : IntakeOutcome.Accepted;

    /// <summary>Takes a job whose caller waits for the song. It is in memory only, so a full disk does not matter.</summary>
    /// <param name="request">What is asked for.</param>
    /// <param name="job">The job; null if it is refused.</param>
    /// <param name="caller">Cancels the job when the caller leaves.</param>
    /// <param name="isStreamed">True if the caller listens while the song is made.</param>
    public IntakeOutcome TryTake(JobRequest request, out Job? job, CancellationToken caller, bool isStreamed = false)
    {
        job = null;
        var outcome = Reserve();
        if (outcome == IntakeOutcome.Accepted)
        {
            job = Job.Awaited(request, isStreamed ? streams : null, clock.GetUtcNow(), caller);
            worker.Take(job);
        }

        return outcome;
    }

    /// <summary>Takes a job that is kept, or finds the one that the same key and body made before.</summary>
    /// <param name="request">What is asked for.</param>
    /// <param name="key">The <c>Idempotency-Key</c>; null without one.</param>
    /// <param name="bodyHash">The hash of the body, when there is a key.</param>
    /// <param name="cancel">The caller's patience.</param>
    /// <exception cref="StorageException">The job could not be stored.</exception>
    public async Task<Submission> KeepAsync(JobRequest request, string? key, string? bodyHash, CancellationToken cancel)
    {
        await signals.WhenOpenAsync(cancel);
        await _taking.WaitAsync(cancel);
        try
        {
            if (key is not null && await FindByKeyAsync(key, bodyHash, cancel) is { } known)
            {
                return known;
            }

            var outcome = Reserve();
            return outcome == IntakeOutcome.Accepted
                ? new(outcome, await StoreAsync(new NewJob(NewJob.NewId(), request, key, bodyHash)))
                : new(outcome, null);
        }
        finally
        {
            _taking.Release();
        }
    }

    /// <summary>Returns the job that a key made before, or that it came with another body; null when the key is new.</summary>
    public async Task<Submission?> FindByKeyAsync(string key, string? bodyHash, CancellationToken cancel)
    {
        await signals.WhenOpenAsync(cancel);
        return await log.FindByKeyAsync(key, cancel) switch
        {
            null => null,
            { } known when known.BodyHash == bodyHash => new(IntakeOutcome.Accepted, known),
            _ => new(IntakeOutcome.KeyTaken, null),
        };
    }

    /// <summary>Takes up the jobs that an earlier process left, the oldest first, before those that have arrived since.</summary>
    public void Restore(IEnumerable<StoredJob> jobs) =>
        worker.TakeRestored([.. jobs.Select(job => Job.Kept(job, job.Request, streams, clock.GetUtcNow()))]);

    /// <summary>Runs work while no job is being taken.</summary>
    public async Task<T> BetweenJobsAsync<T>(Func<Task<T>> work, CancellationToken cancel)
    {
        await _taking.WaitAsync(cancel);
        try
        {
            return await work();
        }
        finally
        {
            _taking.Release();
        }
    }

    public void Dispose() => _taking.Dispose();

    private IntakeOutcome Reserve() =>
        engine.Status.State != EngineState.Ready ? IntakeOutcome.NotReady
        : order.TryReserve() ? IntakeOutcome.Accepted
        : IntakeOutcome.QueueFull;

    /// <summary>Stores a job in a reserved place, then hands it to the worker.</summary>
    private async Task<StoredJob> StoreAsync(NewJob job)
    {
        var isTaken = false;
        try
        {
            var files = job.Request.Song.Reference is { } clip ? references.Write(job.Id, clip) : null;
            var stored = await log.AddAsync(job with { Files = files }, CancellationToken.None);
            signals.Trust();
            worker.Take(Job.Kept(stored, job.Request, streams, clock.GetUtcNow()));
            isTaken = true;
            return stored;
        }
        catch (StorageException e)
        {
            references.TryDelete(job.Id);
            signals.Suspect(e);
            throw;
        }
        finally
        {
            if (!isTaken)
            {
                order.Release();
            }
        }
    }
}

/// <summary>What became of a request.</summary>
internal enum IntakeOutcome
{
    Accepted,

    /// <summary>As many jobs wait as may.</summary>
    QueueFull,

    /// <summary>The engine is loading, failed or draining.</summary>
    NotReady,

    /// <summary>The idempotency key belongs to another body.</summary>
    KeyTaken,
}

/// <summary>What became of a request for a job that is kept.</summary>
/// <param name="Outcome">Accepted, or why not.</param>
/// <param name="Job">The job if accepted; null otherwise.</param>
internal sealed record Submission(IntakeOutcome Outcome, StoredJob? Job);
