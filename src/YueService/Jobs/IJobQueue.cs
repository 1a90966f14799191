namespace YueService.Jobs;

/// <summary>The jobs that wait, as the worker of this process takes them.</summary>
internal interface IJobQueue
{
    /// <summary>True if workers of other processes take jobs from it as well.</summary>
    bool IsShared { get; }

    /// <summary>Completes when a job may wait that nobody has claimed.</summary>
    Task WhenWaitingAsync(CancellationToken cancel);

    /// <summary>Claims the next job for the engine; null if none waits.</summary>
    Task<Job?> ClaimAsync(CancellationToken cancel);

    /// <summary>Takes a job out that nobody has claimed.</summary>
    /// <returns>False if it is claimed, or waits no more.</returns>
    bool TryWithdraw(Job job);

    /// <summary>Takes a job out that has begun or ended, if it is still there.</summary>
    void Remove(Job job);
}
