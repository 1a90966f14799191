namespace YueService.Jobs;

/// <summary>Keeps jobs over restarts. Calls may come from any thread.</summary>
/// <remarks>
/// How a job goes on and ends is stored only while the job is unfinished, and of its last attempt: these calls return false otherwise.
/// Each call is whole or has not happened, also when the process is killed in it. Every call throws
/// <see cref="StorageException"/> when the log cannot be reached; it may work again at the next call.
/// </remarks>
internal interface IJobLog
{
    /// <summary>True if this process created the log: it knows no job of an earlier one.</summary>
    bool IsNew { get; }

    /// <summary>True if other processes work on its jobs as well.</summary>
    bool IsShared { get; }

    /// <summary>The name of this process among those that share the log.</summary>
    string ProcessId { get; }

    /// <summary>Opens the log, and checks that it can be written.</summary>
    Task OpenAsync(CancellationToken cancel);

    /// <summary>Stores a job, or the jobs of a group, as queued.</summary>
    /// <returns>The jobs in their order, or why they were not added.</returns>
    Task<Addition> AddAsync(IReadOnlyList<NewJob> jobs, NewGroup? group, CancellationToken cancel);

    Task<StoredJob?> FindAsync(string id, CancellationToken cancel);

    /// <summary>Returns the job of an <c>Idempotency-Key</c>, which each owner has for itself.</summary>
    Task<StoredJob?> FindByKeyAsync(string key, string? owner, CancellationToken cancel);

    /// <summary>Returns a group that has a job left.</summary>
    Task<StoredGroup?> FindGroupAsync(string id, CancellationToken cancel);

    Task<StoredGroup?> FindGroupByKeyAsync(string key, string? owner, CancellationToken cancel);

    /// <summary>Returns jobs from the newest on.</summary>
    Task<IReadOnlyList<StoredJob>> ListAsync(JobQuery query, CancellationToken cancel);

    /// <summary>Changes what a user says about a song.</summary>
    /// <returns>The job; null if there is none, or if others have changed it since <see cref="JobEdit.BasedOn"/>.</returns>
    Task<StoredJob?> EditAsync(string id, JobEdit edit, CancellationToken cancel);

    /// <summary>Jobs that are queued or running, the oldest first.</summary>
    Task<IReadOnlyList<StoredJob>> ListUnfinishedAsync(CancellationToken cancel);

    /// <summary>The ids of all jobs.</summary>
    Task<IReadOnlySet<string>> ListIdsAsync(CancellationToken cancel);

    /// <summary>Finished jobs, the oldest first.</summary>
    Task<IReadOnlyList<StoredJob>> ListFinishedAsync(CancellationToken cancel);

    /// <summary>Notes that the engine makes the song.</summary>
    Task<bool> SetRunningAsync(StoredJob job, CancellationToken cancel);

    /// <summary>Puts a job back in the queue, in its old place.</summary>
    /// <param name="job">The job.</param>
    /// <param name="interrupted">Whether the process ended under it, which is counted.</param>
    /// <param name="cancel">Gives up waiting.</param>
    Task<bool> RequeueAsync(StoredJob job, bool interrupted, CancellationToken cancel);

    /// <summary>Stores that the song is finished. Its files are in place before.</summary>
    Task<bool> SucceedAsync(StoredJob job, SongOnDisk song, CancellationToken cancel);

    /// <summary>Stores the size of a file that was added to a finished song.</summary>
    /// <returns>False if the job was removed.</returns>
    Task<bool> SetFileSizeAsync(string id, string file, long bytes, CancellationToken cancel);

    Task<bool> FailAsync(StoredJob job, Fault fault, CancellationToken cancel);

    Task<bool> CancelAsync(StoredJob job, CancellationToken cancel);

    /// <summary>Returns the webhooks that are to be sent, those that are due first coming first.</summary>
    Task<IReadOnlyList<DueWebhook>> ListWebhooksAsync(int count, CancellationToken cancel);

    /// <summary>Keeps other processes from sending a webhook for a while.</summary>
    /// <returns>The webhook as it is now; null if another process sends it.</returns>
    Task<DueWebhook?> HoldWebhookAsync(DueWebhook webhook, TimeSpan time, CancellationToken cancel);

    /// <summary>Stores the tries of a webhook, and when it is sent next.</summary>
    Task DelayWebhookAsync(DueWebhook webhook, CancellationToken cancel);

    /// <summary>Forgets a webhook: it was taken, or given up.</summary>
    Task RemoveWebhookAsync(DueWebhook webhook, CancellationToken cancel);

    /// <summary>Removes a job.</summary>
    /// <returns>False if it was removed before.</returns>
    Task<bool> RemoveAsync(string id, CancellationToken cancel);
}

/// <summary>The outcome of adding jobs.</summary>
/// <param name="Outcome">Accepted, or why not.</param>
/// <param name="Jobs">The stored jobs; none unless accepted.</param>
internal sealed record Addition(IntakeOutcome Outcome, IReadOnlyList<StoredJob> Jobs);

/// <summary>The log or the folder of songs cannot be used now. The message
/// is for callers; the inner exception, if any, for the log.</summary>
internal sealed class StorageException(string message, Exception? inner = null) : Exception(message, inner);
