using System.Security.Cryptography;

namespace YueService.Jobs;

/// <summary>The changes to all kept jobs, for any number of watchers. Thread-safe.</summary>
/// <remarks>
/// A watcher is represented only by the number of its last event, so a slow watcher needs no memory. The events that are kept are the
/// latest progress of each job, and the last few thousand changes of state, stage and section of all jobs together. A watcher that needs
/// older changes has to read the current state of the jobs instead.
/// </remarks>
internal sealed class JobEvents
{
    /// <summary>The maximum number of changes that are kept.</summary>
    public const int MaxMarks = 4096;

    private readonly Lock _lock = new();
    private readonly Queue<JobEvent> _marks = new();
    private readonly Dictionary<string, JobEvent> _progress = new(StringComparer.Ordinal);

    // Events of two processes must not be confused.
    private readonly string _process = RandomNumberGenerator.GetHexString(8, lowercase: true);
    private TaskCompletionSource? _changed;
    private long _number;
    private long _forgotten;

    /// <summary>Raised when the end of a job is stored. Handlers must return quickly.</summary>
    public event Action? JobEnded;

    /// <summary>The number of the newest event.</summary>
    public long Number
    {
        get
        {
            lock (_lock)
            {
                return _number;
            }
        }
    }

    /// <summary>Publishes that a job exists, and its updates from now on.</summary>
    public void Follow(Job job)
    {
        var title = job.Request.Title;
        job.Feed.Follow((update, isMark) =>
        {
            Publish(new JobEvent(0, job.Id, JobEventKind.State, title, update), isMark);
            if (update.State is not (JobState.Queued or JobState.Running))
            {
                JobEnded?.Invoke();
            }
        });
    }

    /// <summary>Publishes that a user changed the title, favorite mark or note of a song.</summary>
    public void Edited(StoredJob job) => Publish(new JobEvent(0, job.Id, JobEventKind.Edited, job.Request.Title, null), isMark: true);

    /// <summary>Publishes that a job was removed.</summary>
    public void Removed(string id) => Publish(new JobEvent(0, id, JobEventKind.Removed, null, null), isMark: true);

    /// <summary>Returns the identifier of an event in an event stream.</summary>
    public string IdOf(long number) => $"{_process}-{number}";

    /// <summary>Returns the number of an event by its identifier; null if the identifier is invalid or from another process.</summary>
    public long? NumberOf(string? eventId) =>
        eventId is not null && eventId.StartsWith(_process + "-", StringComparison.Ordinal)
        && long.TryParse(eventId.AsSpan(_process.Length + 1), out var number) && number >= 0 && number <= Number
            ? number
            : null;

    /// <summary>Returns the events after a number, in order: every change, and the latest progress of each job.</summary>
    /// <param name="number">The number of the last event that the watcher has.</param>
    /// <param name="changed">Completes when there is another event.</param>
    /// <returns>The events; null if some of them are no longer kept.</returns>
    public IReadOnlyList<JobEvent>? After(long number, out Task changed)
    {
        lock (_lock)
        {
            changed = (_changed ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            return number < _forgotten
                ? null
                : [.. _marks.Concat(_progress.Values).Where(e => e.Number > number).OrderBy(e => e.Number)];
        }
    }

    private void Publish(JobEvent e, bool isMark)
    {
        TaskCompletionSource? changed;
        lock (_lock)
        {
            e = e with { Number = ++_number };
            if (isMark)
            {
                _progress.Remove(e.JobId);
                _marks.Enqueue(e);
                _forgotten = _marks.Count > MaxMarks ? _marks.Dequeue().Number : _forgotten;
            }
            else
            {
                _progress[e.JobId] = e;
            }

            (changed, _changed) = (_changed, null);
        }

        changed?.TrySetResult();
    }
}

/// <summary>A change to a job.</summary>
/// <param name="Number">The event's number, which increases with every event.</param>
/// <param name="JobId">The job.</param>
/// <param name="Kind">The kind of change.</param>
/// <param name="Title">The song's title; null if the job was removed.</param>
/// <param name="Update">The job's update; null unless its state or progress changed.</param>
internal sealed record JobEvent(long Number, string JobId, JobEventKind Kind, string? Title, JobUpdate? Update);

/// <summary>The kind of an event.</summary>
internal enum JobEventKind
{
    /// <summary>The state or the progress.</summary>
    State,

    /// <summary>The title, the favorite mark or the note.</summary>
    Edited,

    /// <summary>The job and its song are removed.</summary>
    Removed,
}
