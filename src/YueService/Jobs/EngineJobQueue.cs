using Yue.Engine.Scheduling;
using Yue.Engine.Songs;
using YueService.Telemetry;

namespace YueService.Jobs;

/// <summary>The engine in this process as the queue: its order and capacity are those of the service.</summary>
internal sealed class EngineJobQueue(ISongEngine engine, SongTelemetry telemetry, TimeProvider clock) : IJobQueue
{
    private readonly Lock _lock = new();
    private readonly List<QueuedSong> _waiting = [];
    private long _songTicks;
    private volatile bool _held;

    public TimeSpan EstimatedWait => engine.EstimatedWait;

    public TimeSpan? SongTime => Interlocked.Read(ref _songTicks) is var ticks and > 0 ? TimeSpan.FromTicks(ticks) : null;

    public bool IsHeld
    {
        get => _held;
        set => _held = value;
    }

    public SubmitOutcome TryEnqueue(
        SongRequest request, ISongListener? listener, bool restored, out QueuedSong? song, CancellationToken cancel)
    {
        song = null;
        if (_held && !restored)
        {
            return engine.Status.State == EngineState.Ready ? SubmitOutcome.QueueFull : SubmitOutcome.NotReady;
        }

        var queued = new QueuedSong(listener, Leave) { SubmittedAt = clock.GetUtcNow() };
        Join(queued);
        SubmitOutcome outcome;
        Task<SongResult>? made = null;
        try
        {
            outcome = engine.TrySubmit(request, queued, out made, cancel);
        }
        finally
        {
            if (made is null)
            {
                Leave(queued);
            }
        }

        if (outcome != SubmitOutcome.Accepted)
        {
            return outcome;
        }

        queued.Song = made!;
        song = queued;
        _ = made!.ContinueWith(
            _ => End(queued), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        return outcome;
    }

    private void Join(QueuedSong song)
    {
        lock (_lock)
        {
            _waiting.Add(song);
            song.Position = _waiting.Count;
        }
    }

    private void Leave(QueuedSong song)
    {
        QueuedSong[] moved;
        lock (_lock)
        {
            var place = _waiting.IndexOf(song);
            if (place < 0)
            {
                return;
            }

            _waiting.RemoveAt(place);
            song.Position = 0;
            moved = [.. _waiting.Skip(place)];
            foreach (var other in moved)
            {
                other.Position--;
            }
        }

        foreach (var other in moved)
        {
            other.Moved();
        }
    }

    private void End(QueuedSong song)
    {
        Leave(song);
        if (song.Song.IsCompletedSuccessfully)
        {
            var timings = song.Song.Result.Timings;
            Measure(timings.TotalSeconds - timings.QueueSeconds);
        }

        telemetry.Record(song);
    }

    /// <summary>Half the old average, half the new song.</summary>
    private void Measure(double seconds)
    {
        var ticks = TimeSpan.FromSeconds(seconds).Ticks;
        var old = Interlocked.Read(ref _songTicks);
        Interlocked.Exchange(ref _songTicks, old == 0 ? ticks : (old + ticks) / 2);
    }
}
