using System.Security.Cryptography;
using Yue.Engine.Songs;

namespace YueService.Jobs;

/// <summary>The updates of a job, for any number of watchers.</summary>
/// <remarks>A watcher reads at its own pace and skips updates that are out of date, so none holds up the job or other watchers.</remarks>
internal sealed class JobFeed
{
    /// <summary>The distance of the numbers of two updates of a worker, where other processes give the same numbers. Those between are for
    /// what a process sees by itself, such as places and sound.</summary>
    public const long Step = 1024;

    private readonly Lock _lock = new();
    private readonly List<JobUpdate> _marks = [];
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _delayed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    // Updates of two processes that worked on one job must not be taken for one another.
    private readonly string _process = RandomNumberGenerator.GetHexString(8, lowercase: true);
    private readonly bool _isShared;
    private Action<JobUpdate, bool>? _follower;
    private JobUpdate _latest;
    private TaskCompletionSource? _changed;

    /// <summary>Begins with a job that is queued.</summary>
    /// <param name="attempt">The number of attempts at the job so far.</param>
    /// <param name="isShared">True if other processes give its updates the same identifiers.</param>
    public JobFeed(int attempt = 0, bool isShared = false)
    {
        _isShared = isShared;
        _latest = new(FirstOf(attempt), JobState.Queued, null, null);
    }

    /// <summary>Returns the number before the first update of an attempt: numbers grow from attempt to attempt.</summary>
    public static long FirstOf(int attempt) => (long)attempt << 32;

    /// <summary>The attempt that the newest update belongs to.</summary>
    public int Attempt => (int)(Latest.Number >> 32);

    /// <summary>The changes of state, stage and section so far.</summary>
    public IReadOnlyList<JobUpdate> Marks
    {
        get
        {
            lock (_lock)
            {
                return [.. _marks];
            }
        }
    }

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
            NextStep(last.Number), last.State == JobState.Queued && value.Stage != SongStage.Queued ? JobState.Running : last.State,
            value, null)
        {
            BringsScore = value.Score is not null && last.Progress?.Score is null,
        });

    /// <summary>Publishes an update of the process that works on the job, unless it is out of date.</summary>
    public void Adopt(JobUpdate update) => Publish(last =>
    {
        if (update.Number <= last.Number)
        {
            return last;
        }

        // A score comes once.
        var known = last.Number >> 32 == update.Number >> 32 ? last.Progress?.Score : null;
        var progress = update.Progress is { Score: null } bare ? bare with { Score = known } : update.Progress;
        return update with { Progress = progress, BringsScore = progress?.Score is not null && known is null };
    });

    /// <summary>Publishes that the job waits again: its worker has given it back, or is gone.</summary>
    public void Requeue() => Publish(last => new(NextStep(last.Number), JobState.Queued, null, null));

    /// <summary>Publishes that the job's place among the waiting ones has changed.</summary>
    public void Moved() => Publish(last => last with
    {
        Number = _isShared && last.State == JobState.Queued ? NextStep(last.Number)
            : _isShared && (last.Number + 1) % Step == 0 ? last.Number
            : last.Number + 1,
        BringsScore = false,
    });

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
        Publish(last => new(NextStep(last.Number), state, last.Progress, fault));
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
    public string IdOf(JobUpdate update) =>
        _isShared ? $"{update.Number >> 32}-{(uint)update.Number}" : $"{_process}-{update.Number}";

    /// <summary>Returns the number of an update by its identifier; -1 if another process gave it, so that every update is new.</summary>
    public long NumberOf(string? eventId) => _isShared ? SharedNumberOf(eventId) :
        eventId is not null && eventId.StartsWith(_process + "-", StringComparison.Ordinal)
        && long.TryParse(eventId.AsSpan(_process.Length + 1), out var number)
            ? number
            : -1;

    /// <remarks>Another process may have given a number that is not used here yet: then the newest update is sent once more.</remarks>
    private long SharedNumberOf(string? eventId) =>
        eventId?.Split('-') is [var attempt, var number] && int.TryParse(attempt, out var a) && uint.TryParse(number, out var n) && a >= 0
            ? FirstOf(a) + n is var known && known > Latest.Number ? Latest.Number - 1 : known
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

    private long NextStep(long number) => _isShared ? ((number / Step) + 1) * Step : number + 1;

    private void Publish(Func<JobUpdate, JobUpdate> next)
    {
        TaskCompletionSource? changed;
        lock (_lock)
        {
            var last = _latest;
            _latest = next(last);
            if (ReferenceEquals(_latest, last))
            {
                return;
            }

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
