using System.Diagnostics;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;

namespace YueService.Jobs;

/// <summary>A song that the queue took.</summary>
internal sealed class QueuedSong : IProgress<SongProgress>
{
    private readonly TaskCompletionSource _started = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ISongListener? _listener;
    private readonly Action<QueuedSong> _onStart;
    private readonly List<SectionStart> _sections = [];
    private long _startTimestamp;

    /// <param name="listener">Told of progress; null when nobody is.</param>
    /// <param name="onStart">Called once, when the engine begins.</param>
    public QueuedSong(ISongListener? listener, Action<QueuedSong> onStart)
    {
        _listener = listener;
        _onStart = onStart;
    }

    /// <summary>The song, as <see cref="ISongEngine.TrySubmit"/> gives it.</summary>
    public Task<SongResult> Song { get; set; } = null!;

    /// <summary>Completes when the engine begins; perhaps never.</summary>
    public Task Started => _started.Task;

    /// <summary>The place in the queue from 1 on; 0 when it waits no more.</summary>
    public int Position { get; set; }

    /// <summary>Where the request's trace goes on.</summary>
    public ActivityContext Parent { get; } = Activity.Current?.Context ?? default;

    /// <summary>When the song was handed over.</summary>
    public DateTimeOffset SubmittedAt { get; init; }

    /// <summary>When each section began, in order; read when the song has ended.</summary>
    public IReadOnlyList<SectionStart> Sections => _sections;

    /// <summary>Time since the engine began; zero before.</summary>
    public TimeSpan Running => Volatile.Read(ref _startTimestamp) is var start and > 0 ? Stopwatch.GetElapsedTime(start) : default;

    public void Moved() => _listener?.Moved();

    public void Report(SongProgress value)
    {
        if (value.Stage != SongStage.Queued && _startTimestamp == 0)
        {
            Volatile.Write(ref _startTimestamp, Stopwatch.GetTimestamp());
            _onStart(this);
            _started.TrySetResult();
        }

        if (value.Section > _sections.Count)
        {
            _sections.Add(new(value.Section, Running));
        }

        _listener?.Report(value);
    }

    /// <summary>The start of a section.</summary>
    /// <param name="Section">From 1 on.</param>
    /// <param name="After">Time since the engine began the song.</param>
    public sealed record SectionStart(int Section, TimeSpan After);
}
