using System.Collections.Concurrent;
using Yue.Engine.Audio;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;

namespace YueService.Tests.Fakes;

/// <summary>An engine that a test controls. By default it is ready and immediately sings a short tone.</summary>
internal sealed class FakeSongEngine : ISongEngine, IDisposable
{
    public const string ModelName = "en-cot";

    private readonly TaskCompletionSource<string> _lost = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private volatile EngineStatus _status = new()
    {
        State = EngineState.Ready,
        Device = "cpu",
        SongModels = [new(ModelName, ModelFamilies.Descriptions[0]), new("en-icl", ModelFamilies.Descriptions[0])],
        Models =
        [
            new(ModelName, "stage1", "f32", 12, 48, true),
            new("en-icl", "stage1", "f32", 12, 48, true),
            new("s2", "stage2", "f32", 3, 12, true),
        ],
        Memory = new(1000, 200, 300),
        Running = 1,
    };

    private readonly Lock _lock = new();
    private TaskCompletionSource _room = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Exception? _closed;
    private int _slots = 1000;
    private int _singing;
    private int _statusReads;

    public EngineStatus Status
    {
        get
        {
            Interlocked.Increment(ref _statusReads);
            return _status;
        }

        set => _status = value;
    }

    /// <summary>The number of times that the status was read.</summary>
    public int StatusReads => Volatile.Read(ref _statusReads);

    public Task<string> Lost => _lost.Task;

    /// <summary>The maximum number of concurrent songs.</summary>
    public int Slots
    {
        get => _slots;
        set
        {
            lock (_lock)
            {
                _slots = value;
                NotifyRoom();
            }
        }
    }

    /// <summary>An action that runs while the engine drains.</summary>
    public Func<CancellationToken, Task> Drain { get; set; } = _ => Task.CompletedTask;

    /// <summary>The admitted songs for which <see cref="Sing"/> has started.</summary>
    public ConcurrentQueue<SongRequest> Requests { get; } = new();

    /// <summary>The listeners of the admitted songs, keyed by the song's lyrics.</summary>
    public ConcurrentDictionary<string, ISongListener> Listeners { get; } = new();

    /// <summary>The function that makes a song.</summary>
    public Func<SongRequest, IProgress<SongProgress>?, CancellationToken, Task<SongResult>> Sing { get; set; } =
        (request, _, _) => Task.FromResult(Song(request));

    public Task WhenRoomAsync(CancellationToken cancel)
    {
        lock (_lock)
        {
            NotifyRoom();
            return _closed is { } reason ? Task.FromException(reason) : _room.Task.WaitAsync(cancel);
        }
    }

    /// <summary>The size of every request.</summary>
    public SongMeasure? Size { get; set; } = new(50, 1000, []);

    public SongMeasure? Measure(SongRequest request) => Size;

    /// <summary>The function that returns the work of a request; by default, the same for all songs.</summary>
    public Func<SongRequest, double?> Work { get; set; } = _ => 1;

    public double? WorkOf(SongRequest request) => Work(request);

    public bool TryAdmit(SongTicket ticket)
    {
        lock (_lock)
        {
            if (_closed is not null || _singing >= _slots)
            {
                return false;
            }

            _singing++;
        }

        _ = SingAsync(ticket);
        return true;
    }

    /// <summary>The function that loads (true) or unloads (false) a model.</summary>
    public Func<string, bool, Task<bool>> SetLoaded { get; set; } = (_, _) => Task.FromResult(true);

    public Task<bool> SetLoadedAsync(string model, bool isLoaded, CancellationToken cancel) => SetLoaded(model, isLoaded);

    /// <summary>Fails as a ready engine does when it loses its device.</summary>
    public void Lose(string reason)
    {
        Status = Status with { State = EngineState.Failed, Failure = reason };
        Close(new EngineDeadException(reason));
        _lost.SetResult(reason);
    }

    /// <summary>The host's lifecycle calls, in order.</summary>
    public ConcurrentQueue<string> LifecycleCalls { get; } = new();

    public void Start()
    {
        LifecycleCalls.Enqueue("started");
        lock (_lock)
        {
            _status = _closed is not null && _status.State == EngineState.Draining
                ? _status with { State = EngineState.Ready }
                : _status;
            (_closed, _room) = (null, new(TaskCreationOptions.RunContinuationsAsynchronously));
        }
    }

    public async Task DrainAsync(CancellationToken hurry)
    {
        // As in the real engine, the status changes first, so a caller whose song is not admitted can see the reason.
        var status = _status;
        _status = status.State is EngineState.Ready or EngineState.Loading ? status with { State = EngineState.Draining } : status;
        Close(new SongException("the service is shutting down"));
        await Drain(hurry);
        LifecycleCalls.Enqueue("drained");
    }

    public void Dispose() => LifecycleCalls.Enqueue("disposed");

    private async Task SingAsync(SongTicket ticket)
    {
        try
        {
            if (ticket.Listener is { } listener)
            {
                Listeners[ticket.Request.Lyrics] = listener;
            }

            var song = Sing(ticket.Request, new Progress(ticket), ticket.Cancel);
            Requests.Enqueue(ticket.Request);
            ticket.Succeed(await song);
        }
        catch (OperationCanceledException)
        {
            ticket.SetCancelled();
        }
        catch (Exception e)
        {
            ticket.Fail(e);
        }
        finally
        {
            lock (_lock)
            {
                _singing--;
                NotifyRoom();
            }
        }
    }

    private void Close(Exception reason)
    {
        lock (_lock)
        {
            _closed ??= reason;
            _room.TrySetException(_closed);
            _ = _room.Task.Exception;
        }
    }

    private void NotifyRoom()
    {
        if (_closed is null && _singing < _slots)
        {
            _room.TrySetResult();
        }
        else if (_closed is null && _room.Task.IsCompleted)
        {
            _room = new(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    /// <summary>The stage-1 codes of every song.</summary>
    public static SongCodes Codes { get; } = new(
        ModelName,
        [new("verse", [1, 2, 3], [1021, 1022, 1023], SectionEnd.EndOfAudio), new("chorus", [4], [5], SectionEnd.MaxNewTokens, 6)]);

    /// <summary>Returns a tenth of a second of sound for a request.</summary>
    public static SongResult Song(SongRequest request, params string[] warnings)
    {
        var clip = new AudioClip(
            [.. Enumerable.Range(0, request.Output.SampleRate / 10).Select(i => MathF.Sin(i * 0.05f) / 2)], request.Output.SampleRate);
        return new SongResult
        {
            Mix = clip,
            Vocal = request.Output.Stems ? clip with { Samples = clip.Samples[..100] } : null,
            Instrumental = request.Output.Stems ? clip with { Samples = clip.Samples[..200] } : null,
            Model = request.Model ?? ModelName,
            Seed = request.Seed,
            Scope = request.Scope,
            Codes = Codes,
            Sections = [new("verse", 0.06, 6, SectionEnd.EndOfAudio), new("chorus", 0.04, 4, SectionEnd.MaxNewTokens)],
            Timings = new SongTimings
            {
                QueueSeconds = 0.5,
                Stage1Seconds = 1,
                Stage2Seconds = 2,
                DecodeSeconds = 0.25,
                TotalSeconds = 3.75,
                TokensPerSecond = 10,
                RealTimeFactor = double.PositiveInfinity,
            },
            Warnings = warnings,
        };
    }

    private sealed class Progress(SongTicket ticket) : IProgress<SongProgress>
    {
        public void Report(SongProgress value) => ticket.Report(value);
    }
}
