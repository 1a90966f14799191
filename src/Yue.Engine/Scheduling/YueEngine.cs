using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Yue.Engine.Families;
using Yue.Engine.Residency;
using Yue.Engine.Songs;
using Yue.Engine.Tensors.Native;

namespace Yue.Engine.Scheduling;

/// <summary>The hosted singleton that owns the models and the device.</summary>
/// <remarks>One long-running thread loads the models, warms them up, and then runs the step loop. Songs reach it through
/// <see cref="SongHandoff"/>, results are returned through tickets, and cancellation is checked between steps.</remarks>
public sealed partial class YueEngine : ISongEngine, IDisposable
{
    private static readonly TimeSpan WatchdogInterval = TimeSpan.FromMilliseconds(500);

    private readonly EngineOptions _options;
    private readonly IReadOnlyList<IModelFamily> _families;
    private readonly ILogger<YueEngine> _logger;
    private readonly SongHandoff _handoff = new();
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _loaded = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<string> _lost = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _abandon = new();
    private readonly ConcurrentDictionary<SongTicket, bool> _unfinished = [];      // songs taken by the engine's thread, until they end
    private readonly Timer _watchdog;
    private readonly Lock _statusLock = new();
    private volatile bool _isHung;
    private volatile EngineStatus _status;
    private volatile IReadOnlyList<IFamilySongs> _songs = [];      // empty until the models are loaded
    private long _stepStarted;      // a timestamp; 0 while idle
    private long _loadingSince = Stopwatch.GetTimestamp();
    private long _memoryMeasured;
    private int _running;
    private Thread? _thread;
    private bool _disposed;

    /// <summary>Creates an engine that loads nothing until it is started.</summary>
    public YueEngine(IOptions<EngineOptions> options, ILogger<YueEngine> logger)
        : this(options.Value, ModelFamilies.Of(options.Value), logger)
    {
    }

    /// <summary>Creates an engine with model families other than the program's.</summary>
    internal YueEngine(EngineOptions options, IReadOnlyList<IModelFamily> families, ILogger<YueEngine> logger)
    {
        (_options, _families) = (options, families);
        _logger = logger;
        _status = new() { State = EngineState.Loading, Loading = "starting", IsDemo = _options.Stage1.Count == 0 };
        _watchdog = new Timer(_ => CheckForHang());
    }

    public EngineStatus Status
    {
        get
        {
            var status = _status;
            var stepStarted = Interlocked.Read(ref _stepStarted);
            var isDraining = _handoff.IsClosed && status.State is (EngineState.Loading or EngineState.Ready);
            return status with
            {
                State = isDraining ? EngineState.Draining : status.State,
                Running = Volatile.Read(ref _running),
                InStep = stepStarted == 0 ? TimeSpan.Zero : Stopwatch.GetElapsedTime(stepStarted),
            };
        }
    }

    public Task<string> Lost => _lost.Task;

    /// <summary>Completes when the engine is ready; fails if loading fails, and is cancelled if the engine is stopped while
    /// loading.</summary>
    public Task Loaded => _loaded.Task;

    public void Start()
    {
        _thread = new Thread(Run) { Name = "yue-engine", IsBackground = true };
        _thread.Start();
    }

    public Task WhenRoomAsync(CancellationToken cancel) => _handoff.WhenRoomAsync(cancel);

    public SongMeasure? Measure(SongRequest request) => FamilyOf(request)?.Measure(request);

    public double? WorkOf(SongRequest request) => FamilyOf(request)?.WorkOf(request);

    public bool TryAdmit(SongTicket ticket) => _handoff.TryAdd(ticket);

    public Task<bool> SetLoadedAsync(string model, bool isLoaded, CancellationToken cancel)
    {
        if (_songs.Count == 0)
        {
            throw new SongException("the models are not loaded yet");
        }

        if (!_songs.Any(family => family.Names.Contains(model)))
        {
            throw new SongRequestException($"model: {model} is not configured");
        }

        var order = new ModelOrder(model, isLoaded);
        return _handoff.TryAdd(order) ? order.Done.WaitAsync(cancel) : throw ShuttingDown();
    }

    public async Task DrainAsync(CancellationToken hurry)
    {
        if (_thread is null)
        {
            return;
        }

        _handoff.Close(ShuttingDown());
        using var cancellation = hurry.UnsafeRegister(_ => _abandon.Cancel(), null);
        await _stopped.Task.ConfigureAwait(false);
    }

    /// <summary>Cancels the songs in progress and stops. To let songs finish, await <see cref="DrainAsync"/> first.</summary>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        _abandon.Cancel();
        _handoff.Close(ShuttingDown());
        if (!_isHung)
        {
            _thread?.Join();
            _abandon.Dispose();
        }

        _watchdog.Dispose();
    }

    private IFamilySongs? FamilyOf(SongRequest request) =>
        _songs.FirstOrDefault(family => request.Model is null || family.Names.Contains(request.Model));

    private void Run()
    {
        try
        {
            var clock = Stopwatch.StartNew();
            if (!TorchNativeLibrary.Exists())
            {
                throw new NotSupportedException(TorchNativeLibrary.NotFound);
            }

            if (_options.Stage1.Count > 0 && ModelSet.LacksGpu(_options))
            {
                Log.NoGpu(_logger);
            }

            var families = ModelFamilies.Open(_families, _options);
            foreach (var checkpoint in PlainInt4.Of(_options, _options.Device != "cpu" && !ModelSet.LacksGpu(_options)))
            {
                Log.PlainInt4(_logger, checkpoint.Folder, checkpoint.Fix);
            }

            using var models = ModelSet.Load(families, _options, Loading, RestartStep, _abandon.Token);
            using var pipeline = new SongPipeline(models, families, _logger);
            Loading("warming up", 95);
            pipeline.WarmUp(_abandon.Token);
            Loading("done", 100);
            (_songs, _status) = (families, Ready(models, families));
            Log.Ready(_logger, _status.Device, clock.Elapsed.TotalSeconds, _status.IsDemo ? "; this is the demo model" : "");
            _loaded.SetResult();
            Serve(models, pipeline);
        }
        catch (OperationCanceledException) when (_abandon.IsCancellationRequested)
        {
            _loaded.TrySetCanceled();
        }
#pragma warning disable CA1031 // Any error that ends the engine's thread is reported, and the readiness check fails from then on.
        catch (Exception error)
#pragma warning restore CA1031
        {
            Die(error);
        }
        finally
        {
            _stopped.TrySetResult();
        }
    }

    private EngineStatus Ready(ModelSet models, IEnumerable<IFamilySongs> families) => new()
    {
        State = EngineState.Ready,
        Percent = 100,
        IsDemo = _options.Stage1.Count == 0,
        SongsAtOnce = models.SongsAtOnce,
        SongModels = [.. families.SelectMany(family => family.Names.Select(name => new ModelDescription(name, family.Family)))],
        Models = models.ModelsNow(),
        Device = models.DeviceName,
        Memory = models.MemoryNow(),
    };

    private void Serve(ModelSet models, SongPipeline pipeline)
    {
        Watch(true);
        while (!_isHung)
        {
            BeginStep();
            while (_handoff.TryTake(out ModelOrder? order))
            {
                pipeline.Run(order, ShowMemory);
            }

            while (pipeline.Room > 0 && _handoff.TryTake(out SongTicket? ticket))
            {
                Admit(pipeline, ticket);
            }

            _handoff.SetRoom(pipeline.Room);
            Volatile.Write(ref _running, pipeline.Running);
            MeasureMemory(models);
            if (pipeline.Running > 0)
            {
                BeginStep();
                pipeline.Step();
            }
            else
            {
                Interlocked.Exchange(ref _stepStarted, 0);
                Watch(false);
                switch (_handoff.Wait(IdleLimit))
                {
                    case Arrival.Closed:
                        return;
                    case Arrival.None:
                        models.Sleep();
                        ShowMemory(models);
                        Log.Idle(_logger, _options.IdleUnloadSeconds);
                        break;
                }

                Watch(true);
            }
        }
    }

    /// <summary>The time without songs after which the models are unloaded.</summary>
    private TimeSpan IdleLimit =>
        _options.IdleUnloadSeconds > 0 && !_status.IsIdle ? TimeSpan.FromSeconds(_options.IdleUnloadSeconds) : Timeout.InfiniteTimeSpan;

    /// <summary>Runs the watchdog while there is work, so that an idle engine does not wake up.</summary>
    private void Watch(bool isBusy)
    {
        var interval = isBusy && _options.StepTimeoutSeconds > 0 ? WatchdogInterval : Timeout.InfiniteTimeSpan;
        _watchdog.Change(interval, interval);
    }

    private void Admit(SongPipeline pipeline, SongTicket ticket)
    {
        Interlocked.Increment(ref _running);
        _unfinished.TryAdd(ticket, true);
        _ = ticket.Result.ContinueWith(
            _ => _unfinished.TryRemove(ticket, out bool _),
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
        pipeline.Admit(ticket, _abandon.Token);
    }

    private void BeginStep() => Interlocked.Exchange(ref _stepStarted, Stopwatch.GetTimestamp());

    /// <summary>Restarts the timer of the current step. Called for every part of a model that is loaded on demand, because loading a whole
    /// model may take minutes.</summary>
    private void RestartStep()
    {
        if (Interlocked.Read(ref _stepStarted) != 0)
        {
            BeginStep();
        }
    }

    /// <summary>Fails the engine and the songs that its thread has taken if the current step exceeds the time limit. The device is then
    /// considered hung.</summary>
    private void CheckForHang()
    {
        var limit = TimeSpan.FromSeconds(_options.StepTimeoutSeconds);
        if (_isHung || Status is not { State: EngineState.Ready or EngineState.Draining } status || status.InStep <= limit)
        {
            return;
        }

        _isHung = true;
        var error = new EngineDeadException(
            $"an engine step has not returned for {_options.StepTimeoutSeconds} s (StepTimeoutSeconds); the device is considered hung");
        Die(error);
        _abandon.Cancel();
        foreach (var ticket in _unfinished.Keys)
        {
            ticket.Fail(error);
        }

        _stopped.TrySetResult();
    }

    /// <summary>Updates the memory figures once per second, and before the thread goes idle.</summary>
    private void MeasureMemory(ModelSet models)
    {
        if (Stopwatch.GetElapsedTime(_memoryMeasured) >= TimeSpan.FromSeconds(1) || Volatile.Read(ref _running) == 0)
        {
            ShowMemory(models);
        }
    }

    private void ShowMemory(ModelSet models)
    {
        _memoryMeasured = Stopwatch.GetTimestamp();
        var (memory, inMemory) = (models.MemoryNow(), models.ModelsNow());
        UpdateStatus(status => status with { Memory = memory, Models = inMemory });
    }

    private void Loading(string what, double percent)
    {
        if (what != _status.Loading)
        {
            var seconds = Stopwatch.GetElapsedTime(_loadingSince).TotalSeconds;
            Log.Loaded(_logger, _status.Loading, seconds);
            _loadingSince = Stopwatch.GetTimestamp();
        }

        UpdateStatus(status => status with { Loading = what, Percent = percent });
    }

    /// <summary>Updates the status. Called by both the engine's thread and the watchdog.</summary>
    private void UpdateStatus(Func<EngineStatus, EngineStatus> change)
    {
        lock (_statusLock)
        {
            _status = change(_status);
        }
    }

    private void Die(Exception error)
    {
        // If a native library fails to load, only the innermost exception contains the reason.
        var reason = (error is TypeInitializationException ? error.GetBaseException() : error).Message;
        if (_loaded.Task.IsCompleted)
        {
            Log.Dead(_logger, error);
        }
        else
        {
            reason = reason.Split('\n')[0];
            Log.NotLoaded(_logger, _status.Loading, reason);
            Log.NotLoadedWhere(_logger, error);
        }

        UpdateStatus(status => status with { State = EngineState.Failed, Failure = reason, Loading = null });
        if (!_loaded.TrySetException(error))
        {
            _lost.TrySetResult(reason);
        }

        _handoff.Close(new EngineDeadException(reason, error));
    }

    private static SongException ShuttingDown() => new("the service is shutting down");

    private static partial class Log
    {
        [LoggerMessage(Level = LogLevel.Information, Message = "Done with {What} after {Seconds:F1} s")]
        public static partial void Loaded(ILogger logger, string? what, double seconds);

        [LoggerMessage(Level = LogLevel.Warning, Message = "Device is auto, and no GPU can be used: "
            + "on the CPU, making a song with the configured models takes many times the song's length. "
            + "Run yue doctor to find out why no GPU can be used; "
            + "set Device to cuda to make this an error, or to cpu to suppress this warning")]
        public static partial void NoGpu(ILogger logger);

        [LoggerMessage(
            Level = LogLevel.Warning,
            Message = "{Folder} has 4 bits per weight without calibration, so the quality of songs may be lower; {Fix}")]
        public static partial void PlainInt4(ILogger logger, string folder, string fix);

        [LoggerMessage(Level = LogLevel.Information, Message = "Ready on {Device} after {Seconds:F1} s{Demo}")]
        public static partial void Ready(ILogger logger, string device, double seconds, string demo);

        [LoggerMessage(
            Level = LogLevel.Information,
            Message = "The models were unloaded after {Seconds} s without songs; the next song loads them again")]
        public static partial void Idle(ILogger logger, int seconds);

        [LoggerMessage(Level = LogLevel.Critical, Message = "Loading failed at {What}: {Reason}")]
        public static partial void NotLoaded(ILogger logger, string? what, string reason);

        [LoggerMessage(Level = LogLevel.Debug, Message = "Stack trace of the loading failure")]
        public static partial void NotLoadedWhere(ILogger logger, Exception error);

        [LoggerMessage(Level = LogLevel.Critical, Message = "The engine stopped")]
        public static partial void Dead(ILogger logger, Exception error);
    }
}
