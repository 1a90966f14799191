namespace YueService.Jobs;

/// <summary>Finds, lists and deletes the jobs that are kept: those that this process works on, and those in the log.</summary>
internal sealed partial class JobStore(
    IJobLog log,
    JobIntake intake,
    JobWorker worker,
    Retention retention,
    ReferenceFolder references,
    StateFolder state,
    JobSignals signals,
    TimeProvider clock,
    ILogger<JobStore> logger)
{
    /// <summary>The time that <see cref="DeleteAsync"/> and <see cref="WhyClosedAsync"/>
    /// wait at most, so that they answer within a second.</summary>
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(0.8);

    /// <summary>Returns a job as it is now; null when there is none.</summary>
    public async Task<JobView?> FindAsync(string id, CancellationToken cancel)
    {
        await signals.WhenOpenAsync(cancel);
        try
        {
            return await log.FindAsync(id, cancel) is { } job ? View(job) : null;
        }
        catch (StorageException) when (worker.Find(id) is { } live)
        {
            // A job that this process works on can be watched and cancelled without the log.
            return new(live.Stored!, live);
        }
    }

    /// <summary>Returns jobs from the newest on.</summary>
    public async Task<IReadOnlyList<JobView>> ListAsync(long? before, int count, CancellationToken cancel)
    {
        await signals.WhenOpenAsync(cancel);
        return [.. (await log.ListAsync(before, count, cancel)).Select(View)];
    }

    /// <summary>Cancels an unfinished job. Removes a finished one with its song.</summary>
    /// <returns>The job, which may not have ended yet; null when it was removed.</returns>
    public async Task<JobView?> DeleteAsync(JobView view, CancellationToken cancel)
    {
        if (view.Job.IsFinished)
        {
            await retention.RemoveAsync(view.Job.Id, cancel);
            return null;
        }

        var live = view.Live ?? await intake.BetweenJobsAsync(() => EndLeftAsync(view.Job.Id, cancel), cancel);
        if (live is not null)
        {
            live.Cancel();
            try
            {
                await Task.WhenAny(live.Feed.Ended, live.Feed.Delayed).WaitAsync(AnswerLimit, clock, cancel);
            }
            catch (TimeoutException)
            {
                // The engine is in a long step, or the log is slow; the job ends after it.
            }
        }

        return await FindAsync(view.Job.Id, cancel);
    }

    /// <summary>Returns why jobs cannot be accepted now; null when they can.</summary>
    public async Task<string?> WhyClosedAsync(CancellationToken cancel)
    {
        if (await signals.WhyClosedAsync(AnswerLimit, cancel) is { } reason)
        {
            return reason;
        }

        try
        {
            state.Claim();
            return null;
        }
        catch (StorageException e)
        {
            return e.Message;
        }
    }

    /// <summary>Stores the size of a file that was added to a song. Without it the next caller has the file made again.</summary>
    public async Task NoteFileAsync(string id, string file, long bytes)
    {
        try
        {
            await log.SetFileSizeAsync(id, file, bytes, CancellationToken.None);
        }
        catch (StorageException e)
        {
            LogUnnoted(e, file, id);
        }
    }

    /// <summary>Cancels a job that the engine left to the next process.</summary>
    /// <returns>The job, if this process works on it meanwhile.</returns>
    private async Task<Job?> EndLeftAsync(string id, CancellationToken cancel)
    {
        if (worker.Find(id) is { } live)
        {
            return live;
        }

        if (await log.FindAsync(id, cancel) is { IsFinished: false })
        {
            await log.CancelAsync(id, cancel);
            references.TryDelete(id);
        }

        return null;
    }

    private JobView View(StoredJob job) => new(job, worker.Find(job.Id));

    [LoggerMessage(LogLevel.Warning, "The size of {File} of job {JobId} could not be stored")]
    private partial void LogUnnoted(Exception exception, string file, string jobId);
}

/// <summary>A job that is kept, as it is now.</summary>
/// <param name="Job">As the log holds it.</param>
/// <param name="Live">Null when the process does not work on it.</param>
internal sealed record JobView(StoredJob Job, Job? Live)
{
    /// <summary>The state. The log may be behind a job that has just begun.</summary>
    public JobState State => Job.IsFinished || Live is null ? Job.State : Live.Feed.Latest.State;

    /// <summary>Why the job has not ended yet, although its song is made or it was cancelled; null otherwise.</summary>
    public string? Note => Job.IsFinished || Live is null ? null
        : Live.Feed.DelayReason is { } reason ? $"The job ends as soon as its end can be stored. {reason}"
        : Live.Cancelled.IsCancellationRequested ? "The job is cancelled as soon as its current step is done and its end is stored."
        : null;
}
