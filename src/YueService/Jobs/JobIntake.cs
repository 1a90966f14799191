using Yue.Engine.Scheduling;

namespace YueService.Jobs;

/// <summary>Accepts song requests as jobs.</summary>
internal sealed class JobIntake(
    ISongEngine engine,
    IJobBoard board,
    IJobLog log,
    ReferenceFolder references,
    IStreamEncoder streams,
    JobSignals signals,
    TimeProvider clock) : IDisposable
{
    // The shared database accepts one submission at a time. More waiting callers than this would use up the connections.
    private const int SharedSubmissions = 4;

    // If jobs are not shared, ensures that two requests with the same key create only one job, and that a job is not deleted while it is
    // being passed to the worker. Otherwise, only limits the number of concurrent submissions.
    private readonly SemaphoreSlim _taking = new(log.IsShared ? SharedSubmissions : 1);

    /// <summary>The reason why no job can be accepted now; <see cref="IntakeOutcome.Accepted"/> if one can.</summary>
    public IntakeOutcome WhyRefused =>
        engine.Status.State != EngineState.Ready ? IntakeOutcome.NotReady
        : board.IsFull ? IntakeOutcome.QueueFull
        : IntakeOutcome.Accepted;

    /// <summary>Accepts a job whose caller waits for the song. If jobs are not shared, the job is only in memory, so a full disk does not
    /// matter.</summary>
    /// <param name="request">The request.</param>
    /// <param name="caller">Cancels the job when the caller disconnects.</param>
    /// <param name="isStreamed">True if the caller listens to the song while it is being made.</param>
    /// <param name="owner">The name of the caller's API key; null without keys.</param>
    /// <returns>Accepted and the job, or the reason for a rejection and null.</returns>
    public async Task<(IntakeOutcome Outcome, Job? Job)> TakeAsync(
        JobRequest request, CancellationToken caller, bool isStreamed = false, string? owner = null)
    {
        var outcome = Reserve(slots: 1, owner);
        if (outcome != IntakeOutcome.Accepted)
        {
            return (outcome, null);
        }

        var encoder = isStreamed ? streams : null;
        Job job;
        if (log.IsShared)
        {
            // The caller's process encodes the song and adjusts its loudness.
            var song = request.Song with { Output = request.Song.Output with { LoudnessLufs = null } };
            var row = new NewJob(NewJob.NewId(), request with { Song = song, Warnings = [], CallbackUrl = null }, null, null)
            {
                Caller = log.ProcessId,
                Owner = owner,
            };
            var (added, stored) = await AddAsync([row], group: null);
            if (added != IntakeOutcome.Accepted)
            {
                return (added, null);
            }

            job = Job.AwaitedElsewhere(stored[0] with { Caller = log.ProcessId }, request, encoder, clock.GetUtcNow(), caller);
        }
        else
        {
            job = Job.Awaited(request, encoder, clock.GetUtcNow(), owner, caller);
        }

        await board.TakeAsync(job, CancellationToken.None);
        return (outcome, job);
    }

    /// <summary>Accepts the kept jobs of a request, or finds the jobs that were created earlier with the same key and body.</summary>
    /// <param name="request">The request.</param>
    /// <param name="takes">The number of jobs, which get consecutive seeds. Several jobs form a group.</param>
    /// <param name="key">The <c>Idempotency-Key</c>; null without one.</param>
    /// <param name="bodyHash">The hash of the body, if there is a key.</param>
    /// <param name="owner">The name of the caller's API key; null without keys.</param>
    /// <param name="cancel">Cancelled when the caller disconnects.</param>
    /// <exception cref="StorageException">The jobs could not be stored.</exception>
    public async Task<Submission> KeepAsync(
        JobRequest request, int takes, string? key, string? bodyHash, string? owner, CancellationToken cancel)
    {
        await signals.WhenOpenAsync(cancel);
        return await BetweenJobsAsync(
            async () =>
            {
                if (key is not null && await FindByKeyAsync(key, owner, bodyHash, cancel) is { } known)
                {
                    return known;
                }

                var outcome = Reserve(takes, owner);
                var submission = outcome != IntakeOutcome.Accepted ? new(outcome)
                    : takes == 1 ? await StoreAsync(new NewJob(NewJob.NewId(), request, key, bodyHash) { Owner = owner })
                    : await StoreAsync(new NewGroup(NewJob.NewId(), key, bodyHash, owner), request, takes);

                // Another process, or another request to this one, may have used the key first.
                return submission.Outcome == IntakeOutcome.KeyTaken && key is not null
                    ? await FindByKeyAsync(key, owner, bodyHash, cancel) ?? submission
                    : submission;
            },
            cancel);
    }

    /// <summary>Returns the job or the group that the same owner created earlier with a key, or <see cref="IntakeOutcome.KeyTaken"/> if the
    /// key was used with another body. Returns null if the key is new.</summary>
    public async Task<Submission?> FindByKeyAsync(string key, string? owner, string? bodyHash, CancellationToken cancel)
    {
        await signals.WhenOpenAsync(cancel);
        if (await log.FindByKeyAsync(key, owner, cancel) is { } job)
        {
            return job.BodyHash == bodyHash ? new(IntakeOutcome.Accepted) { Job = job } : new(IntakeOutcome.KeyTaken);
        }

        return await log.FindGroupByKeyAsync(key, owner, cancel) switch
        {
            null => null,
            { } group when group.BodyHash == bodyHash => new(IntakeOutcome.Accepted) { Group = group },
            _ => new(IntakeOutcome.KeyTaken),
        };
    }

    /// <summary>Resumes the jobs that an earlier process left behind, oldest first, ahead of those that this process has
    /// accepted.</summary>
    public void Restore(IEnumerable<StoredJob> jobs) =>
        board.Restore([.. jobs.Select(job => Job.Kept(job, job.Request, streams, clock.GetUtcNow(), isShared: false))]);

    /// <summary>Runs work while no job is being accepted. If processes share their jobs, a few calls run concurrently instead, and the
    /// database accepts jobs one at a time.</summary>
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

    private IntakeOutcome Reserve(int slots, string? owner) =>
        engine.Status.State == EngineState.Ready ? board.Reserve(slots, owner) : IntakeOutcome.NotReady;

    /// <summary>Stores a group of takes in reserved slots, then adds them to the board.</summary>
    private async Task<Submission> StoreAsync(NewGroup group, JobRequest request, int takes)
    {
        var (outcome, jobs) = await StoreAsync(
            [
                .. Enumerable.Range(0, takes).Select(i => new NewJob(NewJob.NewId(), request.WithSeed(request.Song.Seed + i), null, null)
                {
                    Take = new(group.Id, i + 1),
                    Owner = group.Owner,
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

    /// <summary>Stores jobs in reserved slots, then adds them to the board.</summary>
    private async Task<Addition> StoreAsync(IReadOnlyList<NewJob> jobs, NewGroup? group)
    {
        var taken = 0;
        try
        {
            var stored = await AddAsync(jobs, group);
            for (; taken < stored.Jobs.Count; taken++)
            {
                var job = Job.Kept(stored.Jobs[taken], jobs[taken].Request, streams, clock.GetUtcNow(), log.IsShared);
                await board.TakeAsync(job, CancellationToken.None);
            }

            return stored;
        }
        finally
        {
            board.Release(jobs.Count - taken, jobs[0].Owner);
        }
    }

    /// <summary>Stores jobs, with the clips that they need.</summary>
    private async Task<Addition> AddAsync(IReadOnlyList<NewJob> jobs, NewGroup? group)
    {
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
            if (stored.Outcome != IntakeOutcome.Accepted)
            {
                await DeleteClipsAsync(jobs);
            }

            return stored;
        }
        catch (StorageException e)
        {
            await DeleteClipsAsync(jobs);
            signals.Suspect(e);
            throw;
        }
    }

    private async Task DeleteClipsAsync(IReadOnlyList<NewJob> jobs)
    {
        foreach (var job in jobs.Where(job => job.Request.Song.Reference is not null))
        {
            await references.TryDeleteAsync(job.Id);
        }
    }
}

/// <summary>The outcome of a request.</summary>
internal enum IntakeOutcome
{
    Accepted,

    /// <summary>The queue is full.</summary>
    QueueFull,

    /// <summary>The limit on waiting jobs for the API key has been reached.</summary>
    OwnerQueueFull,

    /// <summary>The engine is loading or draining, or it has failed.</summary>
    NotReady,

    /// <summary>The idempotency key was used with another body.</summary>
    KeyTaken,
}

/// <summary>The outcome of a request for kept jobs.</summary>
/// <param name="Outcome">Accepted, or the reason for a rejection.</param>
internal sealed record Submission(IntakeOutcome Outcome)
{
    /// <summary>The accepted job; null if nothing was accepted, or if several takes were.</summary>
    public StoredJob? Job { get; init; }

    /// <summary>The accepted group of takes; null if nothing was accepted, or if a single job was.</summary>
    public StoredGroup? Group { get; init; }
}
