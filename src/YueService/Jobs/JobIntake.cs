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

    /// <summary>Takes the jobs of a request that are kept, or finds those that the same key and body made before.</summary>
    /// <param name="request">What is asked for.</param>
    /// <param name="takes">The number of jobs, each with the next seed. Several are a group.</param>
    /// <param name="key">The <c>Idempotency-Key</c>; null without one.</param>
    /// <param name="bodyHash">The hash of the body, when there is a key.</param>
    /// <param name="cancel">The caller's patience.</param>
    /// <exception cref="StorageException">The jobs could not be stored.</exception>
    public async Task<Submission> KeepAsync(JobRequest request, int takes, string? key, string? bodyHash, CancellationToken cancel)
    {
        await signals.WhenOpenAsync(cancel);
        await _taking.WaitAsync(cancel);
        try
        {
            if (key is not null && await FindByKeyAsync(key, bodyHash, cancel) is { } known)
            {
                return known;
            }

            var outcome = Reserve(takes);
            return outcome != IntakeOutcome.Accepted ? new(outcome)
                : takes == 1 ? await StoreAsync(new NewJob(NewJob.NewId(), request, key, bodyHash))
                : await StoreAsync(new NewGroup(NewJob.NewId(), key, bodyHash), request, takes);
        }
        finally
        {
            _taking.Release();
        }
    }

    /// <summary>Returns the job or the group that a key made before, or that it came with another body; null when the key is new.</summary>
    public async Task<Submission?> FindByKeyAsync(string key, string? bodyHash, CancellationToken cancel)
    {
        await signals.WhenOpenAsync(cancel);
        if (await log.FindByKeyAsync(key, cancel) is { } job)
        {
            return job.BodyHash == bodyHash ? new(IntakeOutcome.Accepted) { Job = job } : new(IntakeOutcome.KeyTaken);
        }

        return await log.FindGroupByKeyAsync(key, cancel) switch
        {
            null => null,
            { } group when group.BodyHash == bodyHash => new(IntakeOutcome.Accepted) { Group = group },
            _ => new(IntakeOutcome.KeyTaken),
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

    private IntakeOutcome Reserve(int places = 1) =>
        engine.Status.State != EngineState.Ready ? IntakeOutcome.NotReady
        : order.TryReserve(places) ? IntakeOutcome.Accepted
        : IntakeOutcome.QueueFull;

    /// <summary>Stores a group of takes in reserved places, then hands them to the worker.</summary>
    private async Task<Submission> StoreAsync(NewGroup group, JobRequest request, int takes)
    {
        var (outcome, jobs) = await StoreAsync(
            [
                .. Enumerable.Range(0, takes).Select(i => new NewJob(NewJob.NewId(), request.WithSeed(request.Song.Seed + i), null, null)
                {
                    Take = new(group.Id, i + 1),
                }),
            ],
            group);
        return new(outcome)
        {
            Group = outcome == IntakeOutcome.Accepted ? new(group.Id, group.BodyHash, jobs[0].CreatedAt, jobs) : null,
        };
    }

    private async Task<Submission> StoreAsync(NewJob job)
    {
        var (outcome, jobs) = await StoreAsync([job], group: null);
        return new(outcome) { Job = outcome == IntakeOutcome.Accepted ? jobs[0] : null };
    }

    /// <summary>Stores jobs in reserved places, then hands them to the worker.</summary>
    private async Task<Addition> StoreAsync(IReadOnlyList<NewJob> jobs, NewGroup? group)
    {
        var taken = 0;
        try
        {
            var written = new List<NewJob>();
            foreach (var job in jobs)
            {
                written.Add(job.Request.Song.Reference is { } clip
                    ? job with { Files = await references.WriteAsync(job.Id, clip, CancellationToken.None) }
                    : job);
            }

            var stored = await log.AddAsync(written, group, CancellationToken.None);
            signals.Trust();
            for (; taken < stored.Jobs.Count; taken++)
            {
                worker.Take(Job.Kept(stored.Jobs[taken], jobs[taken].Request, streams, clock.GetUtcNow()));
            }

            return stored;
        }
        catch (StorageException e)
        {
            foreach (var job in jobs)
            {
                await references.TryDeleteAsync(job.Id);
            }

            signals.Suspect(e);
            throw;
        }
        finally
        {
            order.Release(jobs.Count - taken);
        }
    }
}

/// <summary>The outcome of a request.</summary>
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

/// <summary>The outcome of a request for jobs that are kept.</summary>
/// <param name="Outcome">Accepted, or why not.</param>
internal sealed record Submission(IntakeOutcome Outcome)
{
    /// <summary>The job if accepted; null otherwise, and for several takes.</summary>
    public StoredJob? Job { get; init; }

    /// <summary>The group of several takes if accepted; null otherwise.</summary>
    public StoredGroup? Group { get; init; }
}
