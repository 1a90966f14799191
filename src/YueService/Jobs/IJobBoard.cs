namespace YueService.Jobs;

/// <summary>The unfinished jobs as callers see them. Thread-safe.</summary>
internal interface IJobBoard
{
    /// <summary>The number of waiting jobs, excluding claimed ones.</summary>
    int Depth { get; }

    /// <summary>The maximum number of waiting jobs.</summary>
    int Capacity { get; }

    /// <summary>True if no slot is free.</summary>
    bool IsFull { get; }

    /// <summary>The unfinished kept jobs, oldest first. A kept job continues even if its caller disconnects.</summary>
    IReadOnlyList<Job> Unfinished { get; }

    /// <summary>Returns the jobs that are waiting ahead of a job, or all waiting jobs if the job is null or is no longer waiting.</summary>
    IReadOnlyList<Job> Before(Job? job);

    /// <summary>Returns an unfinished kept job; null if there is none with this id.</summary>
    Job? Find(string id);

    /// <summary>Reserves slots for jobs that are not stored yet.</summary>
    /// <returns>Accepted, or the limit that would be exceeded; no slot is reserved in that case.</returns>
    IntakeOutcome Reserve(int slots, string? owner);

    /// <summary>Releases reserved slots.</summary>
    void Release(int slots, string? owner);

    /// <summary>Adds a job, which takes one of the reserved slots.</summary>
    Task TakeAsync(Job job, CancellationToken cancel);

    /// <summary>Updates the board with what has changed in the log, such as jobs that other processes have accepted.</summary>
    Task RefreshAsync(CancellationToken cancel);

    /// <summary>Adds the jobs of an earlier process ahead of the unclaimed jobs that this process has accepted.</summary>
    void Restore(IReadOnlyCollection<Job> jobs);
}

/// <summary>The board of a process that does not share its jobs.</summary>
internal sealed class LocalBoard(JobOrder order, JobWorker worker, JobEvents events) : IJobBoard
{
    public int Depth => order.Depth;

    public int Capacity => order.Capacity;

    public bool IsFull => order.IsFull;

    public IReadOnlyList<Job> Unfinished => worker.Unfinished;

    public IReadOnlyList<Job> Before(Job? job) => order.Before(job);

    public Job? Find(string id) => worker.Find(id);

    public IntakeOutcome Reserve(int slots, string? owner) => order.Reserve(slots, owner);

    public void Release(int slots, string? owner) => order.Release(slots, owner);

    public Task TakeAsync(Job job, CancellationToken cancel)
    {
        Register(job);
        order.Add(job);
        worker.Start(job);
        return Task.CompletedTask;
    }

    public Task RefreshAsync(CancellationToken cancel) => Task.CompletedTask;

    public void Restore(IReadOnlyCollection<Job> jobs)
    {
        foreach (var job in jobs)
        {
            Register(job);
        }

        order.Restore(jobs);
        foreach (var job in jobs)
        {
            worker.Resume(job);
        }
    }

    private void Register(Job job)
    {
        worker.Register(job);
        if (job.Stored is not null)
        {
            events.Follow(job);
        }
    }
}
