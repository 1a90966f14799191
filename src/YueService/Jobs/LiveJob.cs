using System.Security.Cryptography;
using Yue.Engine.Songs;

namespace YueService.Jobs;

/// <summary>A job that this process works on: its progress, for any number of watchers, and its cancellation.</summary>
/// <remarks>The engine's thread reports here and never waits: watchers read at their own pace and skip what is out of date.</remarks>
internal sealed class LiveJob : ISongListener, IDisposable
{
    private readonly Lock _lock = new();
    private readonly List<JobEvent> _marks = [];
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _delayed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _cancel = new();

    // Event identifiers of two lives of a job must not be taken for one another.
    private readonly string _life = RandomNumberGenerator.GetHexString(8, lowercase: true);
    private JobEvent _latest = new(0, JobState.Queued, null, null);
    private TaskCompletionSource? _changed;

    public LiveJob(string id)
    {
        Id = id;
        Cancelled = _cancel.Token;
    }

    public string Id { get; }

    /// <summary>The song on its way; set before any watcher sees the job.</summary>
    public QueuedSong Queued { get; set; } = null!;

    /// <summary>The job as it was stored before the engine got it; set before any watcher sees the job.</summary>
    public JobRecord Job { get; set; } = null!;

    /// <summary>Handed to the engine.</summary>
    public CancellationToken Cancelled { get; }

    /// <summary>Completes when the job's end is stored, or when the process stops before it could be.</summary>
    public Task Ended => _ended.Task;

    /// <summary>Completes when the job's end could not be stored at the first try.</summary>
    public Task Delayed => _delayed.Task;

    /// <summary>The newest event.</summary>
    public JobEvent Latest
    {
        get
        {
            lock (_lock)
            {
                return _latest;
            }
        }
    }

    /// <summary>Why the job's end is not stored yet; null when nothing delays it.</summary>
    public string? DelayReason { get; private set; }

    public void Report(SongProgress value) => Publish(
        last => new(last.Number + 1, last.State == JobState.Queued && value.Stage != SongStage.Queued ? JobState.Running : last.State, value, null));

    public void Moved() => Publish(last => last with { Number = last.Number + 1 });

    /// <summary>Asks for the end of the song; it comes within one decode step.</summary>
    public void Cancel()
    {
        try
        {
            _cancel.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The job has ended.
        }
    }

    public void Dispose() => _cancel.Dispose();

    /// <summary>Notes why the job's end cannot be stored yet. The job keeps its state until then: a final state is final.</summary>
    public void Delay(string reason)
    {
        DelayReason = reason;
        _delayed.TrySetResult();
    }

    /// <summary>Leaves the job to the next process: its end was not stored, and its watchers get no final state.</summary>
    public void Leave() => _ended.TrySetResult();

    /// <summary>Ends the job for its watchers.</summary>
    /// <param name="state">The end; a job that is queued again ends as queued here.</param>
    /// <param name="fault">Why it failed.</param>
    public void End(JobState state, JobFault? fault = null)
    {
        Publish(last => new(last.Number + 1, state, last.Progress, fault));
        _ended.TrySetResult();
    }

    /// <summary>The identifier of an event in a stream.</summary>
    public string IdOf(JobEvent e) => $"{_life}-{e.Number}";

    /// <summary>The number of an event by its identifier; -1 for one of another life, after which everything is new.</summary>
    public long NumberOf(string? eventId) =>
        eventId is not null && eventId.StartsWith(_life + "-", StringComparison.Ordinal)
        && long.TryParse(eventId.AsSpan(_life.Length + 1), out var number)
            ? number
            : -1;

    /// <summary>The events after a number: every change of state, stage and section, and of the rest the newest only.</summary>
    /// <param name="number">The last event that the watcher has; -1 for none.</param>
    /// <param name="changed">Completes when there is more.</param>
    public IReadOnlyList<JobEvent> After(long number, out Task changed)
    {
        lock (_lock)
        {
            changed = (_changed ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            var events = _marks.Where(mark => mark.Number > number).ToList();
            if (_latest.Number > number && (events.Count == 0 || events[^1].Number < _latest.Number))
            {
                events.Add(_latest);
            }

            return events;
        }
    }

    private void Publish(Func<JobEvent, JobEvent> next)
    {
        TaskCompletionSource? changed;
        lock (_lock)
        {
            var last = _latest;
            _latest = next(last);
            if (_latest.StepKey != last.StepKey)
            {
                _marks.Add(_latest);
            }

            changed = _changed;
            _changed = null;
        }

        changed?.TrySetResult();
    }
}

/// <summary>What a watcher of a job is told.</summary>
/// <param name="Number">Grows with every change.</param>
/// <param name="State">The state from then on.</param>
/// <param name="Progress">How far the song is; null before it begins.</param>
/// <param name="Fault">Why the job failed.</param>
internal sealed record JobEvent(long Number, JobState State, SongProgress? Progress, JobFault? Fault)
{
    /// <summary>Two events with the same key differ in counts only.</summary>
    public (JobState State, SongStage? Stage, int? Section) StepKey => (State, Progress?.Stage, Progress?.Section);
}
