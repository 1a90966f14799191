using System.Security.Cryptography;
using Yue.Engine.Songs;

namespace YueService.Jobs;

/// <summary>The updates of a job, for any number of watchers.</summary>
/// <remarks>A watcher reads at its own pace and skips outdated updates, so it never delays the job or other watchers.</remarks>
internal sealed class JobFeed
{
    /// <summary>The difference between the numbers of a worker's consecutive updates if other processes use the same numbers. The
    /// numbers in between are for updates that only one process publishes, such as new sound.</summary>
    public const long Step = 1024;

    private readonly Lock _lock = new();
    private readonly List<JobUpdate> _marks = [];
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _delayed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    // Updates of two processes that worked on one job must not be confused.
    private readonly string _process = RandomNumberGenerator.GetHexString(8, lowercase: true);
    private readonly bool _isShared;
    private Action<JobUpdate, bool>? _follower;
    private JobUpdate _latest;
    private TaskCompletionSource? _changed;

    /// <summary>Creates the feed of a queued job.</summary>
    /// <param name="attempt">The number of attempts at the job so far.</param>
    /// <param name="isShared">True if other processes use the same identifiers for its updates.</param>
    public JobFeed(int attempt = 0, bool isShared = false)
    {
        _isShared = isShared;
        _latest = new(FirstOf(attempt), JobState.Queued, null, null);
    }

    /// <summary>Returns the lowest number that an update of an attempt can have. Numbers grow from attempt to attempt.</summary>
    public static long FirstOf(int attempt) => (long)attempt << 32;

    /// <summary>The attempt that the newest update belongs to.</summary>
    public int Attempt => (int)(Latest.Number >> 32);

    /// <summary>The changes of state, stage and section so far, and the update that added the score.</summary>
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

    /// <summary>Completes when the job's end is stored, or when this process leaves the job to another process.</summary>
    public Task Ended => _ended.Task;

    /// <summary>Completes when the job's end could not be stored at the first attempt.</summary>
    public Task Delayed => _delayed.Task;

    /// <summary>The reason why the job's end is not stored yet; null if nothing delays it.</summary>
    public string? DelayReason { get; private set; }

    /// <summary>Publishes the engine's progress.</summary>
    public void Report(SongProgress value) => Publish(
        last => new(
            NextStep(last.Number), last.State == JobState.Queued && value.Stage != SongStage.Queued ? JobState.Running : last.State,
            value, null)
        {
            AddsScore = value.Score is not null && last.Progress?.Score is null,
        });

    /// <summary>Publishes an update from the process that works on the job, unless it is out of date.</summary>
    public void Adopt(JobUpdate update) => Publish(last =>
    {
        if (update.Number <= last.Number)
        {
            return last;
        }

        // A score is published once.
        var known = last.Number >> 32 == update.Number >> 32 ? last.Progress?.Score : null;
        var progress = update.Progress is { Score: null } bare ? bare with { Score = known } : update.Progress;
        return update with { Progress = progress, AddsScore = progress?.Score is not null && known is null };
    });

    /// <summary>Publishes that the job is waiting again, because its worker returned it or died.</summary>
    public void Requeue() => Publish(last => new(NextStep(last.Number), JobState.Queued, null, null));

    /// <summary>Publishes that the job's position in the queue, its wait reason or its sound has changed.</summary>
    public void Moved() => Publish(last => last with
    {
        Number = _isShared && last.State == JobState.Queued ? NextStep(last.Number)
            : _isShared && (last.Number + 1) % Step == 0 ? last.Number
            : last.Number + 1,
        AddsScore = false,
    });

    /// <summary>Sets the reason why the job's end cannot be stored yet. Until its end is stored, the job keeps its state, because final
    /// states never change.</summary>
    public void Delay(string reason)
    {
        DelayReason = reason;
        _delayed.TrySetResult();
    }

    /// <summary>Ends the feed without a final state, because another process continues the job. Has no effect after the end.</summary>
    public void Leave() => _ended.TrySetResult();

    /// <summary>Publishes the last update.</summary>
    /// <param name="state">The last state. A job that is queued again ends as queued in this process.</param>
    /// <param name="fault">The reason for the failure; null unless the job failed.</param>
    public void End(JobState state, Fault? fault = null)
    {
        Publish(last => new(NextStep(last.Number), state, last.Progress, fault));
        _ended.TrySetResult();
    }

    /// <summary>Passes the latest update and all later ones to a follower, in order.</summary>
    /// <param name="follower">Receives the update, and true if it changes the state, stage or section or adds the score. Must return
    /// quickly.</param>
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

    /// <summary>Returns the number of an update by its identifier; -1 if the identifier is missing, invalid or from another process, so
    /// that every update counts as new.</summary>
    public long NumberOf(string? eventId) => _isShared ? SharedNumberOf(eventId) :
        eventId is not null && eventId.StartsWith(_process + "-", StringComparison.Ordinal)
        && long.TryParse(eventId.AsSpan(_process.Length + 1), out var number)
            ? number
            : -1;

    /// <remarks>Another process may have used a number that is not used here yet; then the latest update is sent again.</remarks>
    private long SharedNumberOf(string? eventId) =>
        eventId?.Split('-') is [var attempt, var number] && int.TryParse(attempt, out var a) && uint.TryParse(number, out var n) && a >= 0
            ? FirstOf(a) + n is var known && known > Latest.Number ? Latest.Number - 1 : known
            : -1;

    /// <summary>Returns the updates after a number: every change of state, stage and section, the one with the score, and the latest of the
    /// others.</summary>
    /// <param name="number">The number of the last update that the watcher has; -1 for none.</param>
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
/// <param name="Number">The update's number, which increases from update to update.</param>
/// <param name="State">The new state.</param>
/// <param name="Progress">The progress of the song; null before it begins.</param>
/// <param name="Fault">The reason for the failure; null unless the job failed.</param>
internal sealed record JobUpdate(long Number, JobState State, SongProgress? Progress, Fault? Fault)
{
    /// <summary>True if this update adds the song's score.</summary>
    public bool AddsScore { get; init; }

    /// <summary>A key that is equal for two updates that differ only in numbers of tokens or frames.</summary>
    public (JobState State, SongStage? Stage, int? Section, bool HasScore) StepKey =>
        (State, Progress?.Stage, Progress?.Section, Progress?.Score is not null);
}
