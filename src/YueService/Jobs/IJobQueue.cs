namespace YueService.Jobs;

/// <summary>The queue from which the worker of this process takes jobs.</summary>
internal interface IJobQueue
{
    /// <summary>True if workers of other processes also take jobs from it.</summary>
    bool IsShared { get; }

    /// <summary>Completes when there may be an unclaimed job.</summary>
    Task WhenWaitingAsync(CancellationToken cancel);

    /// <summary>Claims the next job for the engine; returns null if no job is waiting.</summary>
    Task<Job?> ClaimAsync(CancellationToken cancel);

    /// <summary>Removes an unclaimed job from the queue.</summary>
    /// <returns>False if it is claimed or is no longer waiting.</returns>
    bool TryWithdraw(Job job);

    /// <summary>Removes a job that has begun or ended, if it is still in the queue.</summary>
    void Remove(Job job);
}
