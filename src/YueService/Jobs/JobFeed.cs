using System.Security.Cryptography;
using Yue.Engine.Songs;

namespace YueService.Jobs;

/// <summary>The updates of a job, for any number of watchers.</summary>
/// <remarks>A watcher reads at its own pace and skips updates that are out of date, so none holds up the job or other watchers.</remarks>
internal sealed class JobFeed
{
    private readonly Lock _lock = new();
    private readonly List<JobUpdate> _marks = [];
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _delayed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    // Updates of two processes that worked on one job must not be taken for one another.
    private readonly string _process = RandomNumberGenerator.GetHexString(8, lowercase: true);
    private Action<JobUpdate, bool>? _follower;
    private JobUpdate _latest = new(0, JobState.Queued, null, null);
    private TaskCompletionSource? _changed;

    /// <summary>The newest update.</summary>
    public JobUpdate Latest
    {
        get
        {
            lock (_lock)
            {
                return _latest;
            }
        }
    }

    /// <summary>Completes when the job's end is stored, or when the process leaves the job to the next one.</summary>
    public Task Ended => _ended.Task;

    /// <summary>Completes when the job's end could not be stored at the first try.</summary>
    public Task Delayed => _delayed.Task;

    /// <summary>The reason why the job's end is not stored yet; null when nothing delays it.</summary>
    public string? DelayReason { get; private set; }

    /// <summary>Publishes progress of the engine.</summary>
    public void Report(SongProgress value) => Publish(
        last => new(
            last.Number + 1, last.State == JobState.Queued && value.Stage != SongStage.Queued ? JobState.Running : last.State,
            value, null)
        {
            BringsScore = value.Score is not null && last.Progress?.Score is null,
        });

    /// <summary>Publishes that the job's place among the waiting ones has changed.</summary>
    public void Moved() => Publish(last => last with { Number = last.Number + 1, BringsScore = false });

    /// <summary>Notes why the job's end cannot be stored yet. The job keeps its state until then: a final state is final.</summary>
    public void Delay(string reason)
    {
        DelayReason = reason;
        _delayed.TrySetResult();
    }

    /// <summary>Ends the feed without a final state: the next process goes on with the job.</summary>
    public void Leave() => _ended.TrySetResult();

    /// <summary>Publishes the last update.</summary>
    /// <param name="state">The end. A job that is queued again ends as queued here.</param>
    /// <param name="fault">Why the job failed; null unless it did.</param>
    public void End(JobState state, Fault? fault = null)
    {
        Publish(last => new(last.Number + 1, state, last.Progress, fault));
        _ended.TrySetResult();
    }

    /// <summary>Passes on the latest update and every one from now on, in their order.</summary>
    /// <param name="follower">Gets the update, and true if it is a change of state, stage or section. Must return at once.</param>
    public void Follow(Action<JobUpdate, bool> follower)
    {
        lock (_lock)
        {
            _follower = follower;
            follower(_latest, true);
        }
    }

    /// <summary>Returns the identifier of an update in an event stream.</summary>
    public string IdOf(JobUpdate update) => $"{_process}-{update.Number}";

    /// <summary>Returns the number of an update by its identifier; -1 if another process gave it, so that every update is new.</summary>
    public long NumberOf(string? eventId) =>
        eventId is not null && eventId.StartsWith(_process + "-", StringComparison.Ordinal)
        && long.TryParse(eventId.AsSpan(_process.Length + 1), out var number)
            ? number
            : -1;

    /// <summary>Returns the updates after a number: every change of state, stage and section, the one that brings the score, and of the
    /// others the newest.</summary>
    /// <param name="number">The last update that the watcher has; -1 for none.</param>
    /// <param name="changed">Completes when there is another update.</param>
    public IReadOnlyList<JobUpdate> After(long number, out Task changed)
    {
        lock (_lock)
        {
            changed = (_changed ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            var updates = _marks.Where(mark => mark.Number > number).ToList();
            if (_latest.Number > number && (updates.Count == 0 || updates[^1].Number < _latest.Number))
            {
                updates.Add(_latest);
            }

            return updates;
        }
    }

    private void Publish(Func<JobUpdate, JobUpdate> next)
    {
        TaskCompletionSource? changed;
        lock (_lock)
        {
            var last = _latest;
            _latest = next(last);
            var isMark = _latest.StepKey != last.StepKey;
            if (isMark)
            {
                _marks.Add(_latest);
            }

            _follower?.Invoke(_latest, isMark);

            changed = _changed;
            _changed = null;
        }

        changed?.TrySetResult();
    }
}

/// <summary>An update of a job.</summary>
/// <param name="Number">Grows with every change.</param>
/// <param name="State">The state from then on.</param>
/// <param name="Progress">How far the song is; null before it begins.</param>
/// <param name="Fault">Why the job failed; null unless it did.</param>
internal sealed record JobUpdate(long Number, JobState State, SongProgress? Progress, Fault? Fault)
{
    /// <summary>True if the song has a score from this update on.</summary>
    public bool BringsScore { get; init; }

    /// <summary>Two updates with the same key differ in counts only.</summary>
    public (JobState State, SongStage? Stage, int? Section, bool HasScore) StepKey =>
        (State, Progress?.Stage, Progress?.Section, Progress?.Score is not null);
}
