namespace YueService.Jobs;

/// <summary>Finds, lists, edits, cancels and deletes kept jobs, both those of this process and those in the log.</summary>
internal sealed partial class JobStore(
    IJobLog log,
    JobIntake intake,
    IJobBoard board,
    Retention retention,
    ReferenceFolder references,
    StateFolder state,
    JobEvents events,
    JobSignals signals,
    TimeProvider clock,
    ILogger<JobStore> logger)
{
    /// <summary>The maximum time that a call waits for the end of a job or for the first attempt to open the store, so that it returns
    /// within a second.</summary>
    private static readonly TimeSpan ResponseLimit = TimeSpan.FromSeconds(0.8);

    /// <summary>Returns the current state of a job; null if there is none.</summary>
    public async Task<JobView?> FindAsync(string id, CancellationToken cancel)
    {
        await signals.WhenOpenAsync(cancel);
        try
        {
            var job = await log.FindAsync(id, cancel);
            if (job is { IsFinished: false } && board.Find(id) is null or { Position: 0, Feed.Latest.State: JobState.Queued })
            {
                // Another process may have accepted the job just now, so its position is not known yet.
                await board.RefreshAsync(cancel);
            }

            return job is null ? null : View(job);
        }
        catch (StorageException) when (board.Find(id) is { } live)
        {
            // A job of this process can be watched and cancelled without the log.
            return new(live.Stored!, live);
        }
    }

    /// <summary>Returns jobs, newest first.</summary>
    public async Task<IReadOnlyList<JobView>> ListAsync(JobQuery query, CancellationToken cancel)
    {
        await signals.WhenOpenAsync(cancel);
        return [.. (await log.ListAsync(query, cancel)).Select(View)];
    }

    /// <summary>Returns the current state of a group; null if there is none, or if all its jobs were removed.</summary>
    public async Task<GroupView?> FindGroupAsync(string id, CancellationToken cancel)
    {
        await signals.WhenOpenAsync(cancel);
        return await log.FindGroupAsync(id, cancel) is { Takes.Count: > 0 } group ? View(group) : null;
    }

    /// <summary>Returns a group with the current state of its jobs.</summary>
    public GroupView View(StoredGroup group) => new(group, [.. group.Takes.Select(View)]);

    /// <summary>Cancels the jobs of a group that have not ended.</summary>
    /// <returns>The group, whose jobs may not have ended yet; null if all were removed in the meantime.</returns>
    public async Task<GroupView?> CancelAsync(GroupView view, CancellationToken cancel)
    {
        // In reverse order, so that no job begins when the one before it ends.
        await Task.WhenAll(view.Takes.Reverse().Where(take => !take.Job.IsFinished).Select(take => CancelAsync(take, cancel)));
        return await FindGroupAsync(view.Group.Id, cancel);
    }

    /// <summary>Changes the title, favorite mark or note of a song.</summary>
    /// <returns>The job; null if there is none, or if others have changed it since <see cref="JobEdit.BasedOn"/>.</returns>
    public async Task<JobView?> EditAsync(string id, JobEdit edit, CancellationToken cancel)
    {
        await signals.WhenOpenAsync(cancel);
        if (await log.EditAsync(id, edit, cancel) is not { } job)
        {
            return null;
        }

        if (!log.IsShared)
        {
            events.Edited(job);     // with a shared log, every process publishes the edit when it is notified
        }

        return View(job);
    }

    /// <summary>Cancels an unfinished job, or removes a finished one with its song.</summary>
    /// <returns>The job, which may not have ended yet; null if it was removed.</returns>
    public async Task<JobView?> DeleteAsync(JobView view, CancellationToken cancel)
    {
        if (view.Job.IsFinished)
        {
            await retention.RemoveAsync(view.Job, cancel);
            return null;
        }

        await CancelAsync(view, cancel);
        return await FindAsync(view.Job.Id, cancel);
    }

    /// <summary>Cancels an unfinished job, and waits briefly for its end.</summary>
    private async Task CancelAsync(JobView view, CancellationToken cancel)
    {
        var live = view.Live ?? await intake.BetweenJobsAsync(() => EndLeftAsync(view.Job.Id, cancel), cancel);
        if (live is not null)
        {
            live.Cancel();
            try
            {
                await Task.WhenAny(live.Feed.Ended, live.Feed.Delayed).WaitAsync(ResponseLimit, clock, cancel);
            }
            catch (TimeoutException)
            {
                // The engine is in a long step, or the log is slow; the job ends later.
            }
        }
    }

    /// <summary>Returns the reason why jobs cannot be accepted now; null if they can.</summary>
    public async Task<string?> WhyClosedAsync(CancellationToken cancel)
    {
        if (await signals.WhyClosedAsync(ResponseLimit, cancel) is { } reason)
        {
            return reason;
        }

        try
        {
            if (!log.IsShared)
            {
                state.Claim();
            }

            return null;
        }
        catch (StorageException e)
        {
            return e.Message;
        }
    }

    /// <summary>Stores the size of a file that was added to a song. Without the size, the file is made again for the next caller.</summary>
    /// <returns>False if the song was removed in the meantime.</returns>
    public async Task<bool> NoteFileAsync(string id, string file, long bytes)
    {
        try
        {
            return await log.SetFileSizeAsync(id, file, bytes, CancellationToken.None);
        }
        catch (StorageException e)
        {
            LogUnnoted(e, file, id);
            return true;
        }
    }

    /// <summary>Cancels a job that the engine left to the next process.</summary>
    /// <returns>The job if this process has taken it over in the meantime; otherwise null.</returns>
    private async Task<Job?> EndLeftAsync(string id, CancellationToken cancel)
    {
        if (board.Find(id) is { } live)
        {
            return live;
        }

        if (await log.FindAsync(id, cancel) is { IsFinished: false } job)
        {
            await log.CancelAsync(job, cancel);
            await references.TryDeleteAsync(id);
        }

        return null;
    }

    private JobView View(StoredJob job) => new(job, board.Find(job.Id));

    [LoggerMessage(LogLevel.Warning, "The size of {File} of job {JobId} could not be stored")]
    private partial void LogUnnoted(Exception exception, string file, string jobId);
}

/// <summary>The current state of a group of takes.</summary>
/// <param name="Group">The group in the log.</param>
/// <param name="Takes">Its jobs that have not been removed, in order.</param>
internal sealed record GroupView(StoredGroup Group, IReadOnlyList<JobView> Takes)
{
    /// <summary>The state of all takes together: queued until one begins, then running until all have ended. Then succeeded if any take
    /// succeeded, otherwise failed if any take failed, otherwise cancelled.</summary>
    public JobState State
    {
        get
        {
            var states = Takes.Select(take => take.State).ToHashSet();
            return states.SetEquals([JobState.Queued]) ? JobState.Queued
                : states.Overlaps([JobState.Queued, JobState.Running]) ? JobState.Running
                : new[] { JobState.Succeeded, JobState.Failed }.FirstOrDefault(states.Contains, JobState.Cancelled);
        }
    }
}

/// <summary>The current state of a kept job.</summary>
/// <param name="Job">The job in the log.</param>
/// <param name="Live">The unfinished job; null if it has ended, or if this process does not have it.</param>
internal sealed record JobView(StoredJob Job, Job? Live)
{
    /// <summary>The state. For a job that has just begun, the state in the log may be outdated. A job that has ended since the log was read
    /// still counts as running, because its song or fault was not read with it.</summary>
    public JobState State => Job.IsFinished || Live is null ? Job.State
        : Live.Feed.Latest.State == JobState.Queued ? JobState.Queued : JobState.Running;

    /// <summary>The reason why the job has not ended yet although its song has been made or it was cancelled, or why no worker can take it;
    /// null otherwise.</summary>
    public string? DelayReason => Job.IsFinished || Live is null ? null
        : Live.WaitReason is { } wait ? wait
        : Live.Feed.DelayReason is { } reason ? $"The job ends as soon as its end can be stored. {reason}"
        : Live.Cancelled.IsCancellationRequested ? "The job will be cancelled as soon as its current step is done and its end is stored."
        : null;
}
