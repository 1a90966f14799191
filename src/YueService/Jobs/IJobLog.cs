namespace YueService.Jobs;

/// <summary>Keeps jobs over restarts. One process owns a log; calls may come from any thread.</summary>
/// <remarks>
/// Each call is whole or has not happened, also when the process is killed in it. Every call throws
/// <see cref="StorageException"/> when the log cannot be reached; it may work again at the next call.
/// </remarks>
internal interface IJobLog
{
    /// <summary>True if this process created the log: it knows no job of an earlier one.</summary>
    bool IsNew { get; }

    /// <summary>Opens the log, and checks that it can be written and that no other process owns it.</summary>
    Task OpenAsync(CancellationToken cancel);

    /// <summary>Stores a job, or the jobs of a group, as queued.</summary>
    /// <returns>The jobs in their order.</returns>
    /// <exception cref="InvalidOperationException">The idempotency key is taken; the caller looks for it before.</exception>
    Task<IReadOnlyList<StoredJob>> AddAsync(IReadOnlyList<NewJob> jobs, NewGroup? group, CancellationToken cancel);

    Task<StoredJob?> FindAsync(string id, CancellationToken cancel);

    Task<StoredJob?> FindByKeyAsync(string key, CancellationToken cancel);

    /// <summary>Returns a group that has a job left.</summary>
    Task<StoredGroup?> FindGroupAsync(string id, CancellationToken cancel);

    Task<StoredGroup?> FindGroupByKeyAsync(string key, CancellationToken cancel);

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
    Task SetRunningAsync(string id, CancellationToken cancel);

    /// <summary>Puts a running job back in the queue, in its old place.</summary>
    /// <param name="id">The job.</param>
    /// <param name="interrupted">Whether the process ended under it, which is counted.</param>
    /// <param name="cancel">Gives up waiting.</param>
    Task RequeueAsync(string id, bool interrupted, CancellationToken cancel);

    /// <summary>Stores that the song is finished. Its files are in place before.</summary>
    Task SucceedAsync(string id, SongOnDisk song, CancellationToken cancel);

    /// <summary>Stores the size of a file that was added to a finished song.</summary>
    Task SetFileSizeAsync(string id, string file, long bytes, CancellationToken cancel);

    Task FailAsync(string id, Fault fault, CancellationToken cancel);

    Task CancelAsync(string id, CancellationToken cancel);

    /// <summary>Returns the webhooks that are to be sent, those that are due first coming first.</summary>
    Task<IReadOnlyList<DueWebhook>> ListWebhooksAsync(int count, CancellationToken cancel);

    /// <summary>Stores the tries of a webhook, and when it is sent next.</summary>
    Task DelayWebhookAsync(DueWebhook webhook, CancellationToken cancel);

    /// <summary>Forgets a webhook: it was taken, or given up.</summary>
    Task RemoveWebhookAsync(DueWebhook webhook, CancellationToken cancel);

    Task RemoveAsync(string id, CancellationToken cancel);
}

/// <summary>The log or the folder of songs cannot be used now. The message
/// is for callers; the inner exception, if any, for the log.</summary>
internal sealed class StorageException(string message, Exception? inner = null) : Exception(message, inner);
