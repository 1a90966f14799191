namespace YueService.Jobs;

/// <summary>The unfinished jobs, as callers see them. Safe for any thread.</summary>
internal interface IJobBoard
{
    /// <summary>The number of jobs that wait, those that are claimed not counted.</summary>
    int Depth { get; }

    /// <summary>The number of jobs that may wait.</summary>
    int Capacity { get; }

    /// <summary>True if no place is free.</summary>
    bool IsFull { get; }

    /// <summary>Unfinished jobs that are kept, the oldest first.</summary>
    IReadOnlyList<Job> Unfinished { get; }

    /// <summary>Returns the jobs that wait before a job, or all that wait if it is null or waits no more.</summary>
    IReadOnlyList<Job> Before(Job? job);

    /// <summary>Returns a kept job that has not ended; null if there is none.</summary>
    Job? Find(string id);

    /// <summary>Reserves places for jobs that are not stored yet.</summary>
    /// <returns>Accepted, or the bound that leaves fewer places; none is reserved then.</returns>
    IntakeOutcome Reserve(int places, string? owner);

    /// <summary>Gives reserved places back.</summary>
    void Release(int places, string? owner);

    /// <summary>Takes a job over, which waits in a reserved place from then on.</summary>
    Task TakeAsync(Job job, CancellationToken cancel);

    /// <summary>Looks at the jobs that other processes have taken since the last look.</summary>
    Task LookAsync(CancellationToken cancel);

    /// <summary>Takes over the jobs of an earlier process, before those that have arrived since.</summary>
    void Restore(IReadOnlyCollection<Job> jobs);
}

/// <summary>The jobs of a process that has them to itself.</summary>
internal sealed class LocalBoard(JobOrder order, JobWorker worker, JobEvents events) : IJobBoard
{
    public int Depth => order.Depth;

    public int Capacity => order.Capacity;

    public bool IsFull => order.IsFull;

    public IReadOnlyList<Job> Unfinished => worker.Unfinished;

    public IReadOnlyList<Job> Before(Job? job) => order.Before(job);

    public Job? Find(string id) => worker.Find(id);

    public IntakeOutcome Reserve(int places, string? owner) => order.Reserve(places, owner);

    public void Release(int places, string? owner) => order.Release(places, owner);

    public Task TakeAsync(Job job, CancellationToken cancel)
    {
        Register(job);
        order.Add(job);
        worker.Start(job);
        return Task.CompletedTask;
    }

    public Task LookAsync(CancellationToken cancel) => Task.CompletedTask;

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
