namespace YueService.Jobs;

/// <summary>Stores jobs so that they survive restarts. Thread-safe.</summary>
/// <remarks>
/// The start and the end of an attempt, and its return to the queue, are stored only while the job is unfinished and no later attempt has
/// begun; otherwise these calls return false. Each call is atomic, even if the process is killed during it. Every call throws
/// <see cref="StorageException"/> if the log cannot be reached; the next call may succeed.
/// </remarks>
internal interface IJobLog
{
    /// <summary>True if this process created the log, so it has no jobs from an earlier process.</summary>
    bool IsNew { get; }

    /// <summary>True if other processes also work on its jobs.</summary>
    bool IsShared { get; }

    /// <summary>The name of this process, unique among those that share the log.</summary>
    string ProcessId { get; }

    /// <summary>Opens the log, and checks that it can be written to.</summary>
    Task OpenAsync(CancellationToken cancel);

    /// <summary>Stores a job, or the jobs of a group, as queued.</summary>
    /// <returns>The jobs in order, or the reason why they were not added.</returns>
    Task<Addition> AddAsync(IReadOnlyList<NewJob> jobs, NewGroup? group, CancellationToken cancel);

    Task<StoredJob?> FindAsync(string id, CancellationToken cancel);

    /// <summary>Returns the job that was created with an <c>Idempotency-Key</c>. Each owner has separate keys.</summary>
    Task<StoredJob?> FindByKeyAsync(string key, string? owner, CancellationToken cancel);

    /// <summary>Returns a group if it still has a job.</summary>
    Task<StoredGroup?> FindGroupAsync(string id, CancellationToken cancel);

    Task<StoredGroup?> FindGroupByKeyAsync(string key, string? owner, CancellationToken cancel);

    /// <summary>Returns jobs, newest first.</summary>
    Task<IReadOnlyList<StoredJob>> ListAsync(JobQuery query, CancellationToken cancel);

    /// <summary>Changes the title, favorite mark or note of a song.</summary>
    /// <returns>The job; null if there is none, or if others have changed it since <see cref="JobEdit.BasedOn"/>.</returns>
    Task<StoredJob?> EditAsync(string id, JobEdit edit, CancellationToken cancel);

    /// <summary>Returns the queued and running jobs, oldest first.</summary>
    Task<IReadOnlyList<StoredJob>> ListUnfinishedAsync(CancellationToken cancel);

    /// <summary>Returns the ids of all jobs.</summary>
    Task<IReadOnlySet<string>> ListIdsAsync(CancellationToken cancel);

    /// <summary>Returns the finished jobs, oldest first.</summary>
    Task<IReadOnlyList<StoredJob>> ListFinishedAsync(CancellationToken cancel);

    /// <summary>Records that the engine has begun the song.</summary>
    Task<bool> SetRunningAsync(StoredJob job, CancellationToken cancel);

    /// <summary>Puts a job back at its old position in the queue.</summary>
    /// <param name="job">The job.</param>
    /// <param name="interrupted">True to count an interruption: the process ended, or the device or the claim was lost, while the job was
    /// running.</param>
    /// <param name="cancel">Cancels the wait.</param>
    Task<bool> RequeueAsync(StoredJob job, bool interrupted, CancellationToken cancel);

    /// <summary>Stores that the song is finished. Its files must already be in place.</summary>
    Task<bool> SucceedAsync(StoredJob job, SongOnDisk song, CancellationToken cancel);

    /// <summary>Stores the size of a file that was added to a finished song.</summary>
    /// <returns>False if the job was removed.</returns>
    Task<bool> SetFileSizeAsync(string id, string file, long bytes, CancellationToken cancel);

    Task<bool> FailAsync(StoredJob job, Fault fault, CancellationToken cancel);

    Task<bool> CancelAsync(StoredJob job, CancellationToken cancel);

    /// <summary>Returns the pending webhooks in the order in which they are due.</summary>
    Task<IReadOnlyList<DueWebhook>> ListWebhooksAsync(int count, CancellationToken cancel);

    /// <summary>For the given time, keeps other processes from sending a webhook.</summary>
    /// <returns>The current webhook; null if another process has begun to send it, or has removed it.</returns>
    Task<DueWebhook?> HoldWebhookAsync(DueWebhook webhook, TimeSpan time, CancellationToken cancel);

    /// <summary>Stores the number of attempts of a webhook and the time of the next one.</summary>
    Task DelayWebhookAsync(DueWebhook webhook, CancellationToken cancel);

    /// <summary>Deletes a webhook that was accepted or dropped.</summary>
    Task RemoveWebhookAsync(DueWebhook webhook, CancellationToken cancel);

    /// <summary>Removes a job.</summary>
    /// <returns>False if it was already removed.</returns>
    Task<bool> RemoveAsync(string id, CancellationToken cancel);
}

/// <summary>The outcome of adding jobs.</summary>
/// <param name="Outcome">Accepted, or the reason for a rejection.</param>
/// <param name="Jobs">The stored jobs; empty unless accepted.</param>
internal sealed record Addition(IntakeOutcome Outcome, IReadOnlyList<StoredJob> Jobs);

/// <summary>The stored jobs or the files of songs cannot be used now. The message is for callers. The inner exception, if any, is for log
/// messages.</summary>
internal sealed class StorageException(string message, Exception? inner = null) : Exception(message, inner);
