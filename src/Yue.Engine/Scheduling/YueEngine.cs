using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Yue.Engine.Families;
using Yue.Engine.Residency;
using Yue.Engine.Songs;

namespace Yue.Engine.Scheduling;

/// <summary>The hosted singleton that owns the models and the device.</summary>
/// <remarks>One long-running thread loads the models, warms them up, and then runs the step loop. Songs reach it through a
/// bounded queue, results leave through tasks, and cancellation is checked between steps.</remarks>
public sealed partial class YueEngine : ISongEngine, IHostedService, IDisposable
{
    /// <summary>What a song is guessed to take before one was measured.</summary>
    private static readonly TimeSpan FirstGuess = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan WatchdogInterval = TimeSpan.FromMilliseconds(500);

    private readonly EngineOptions _options;
    private readonly IReadOnlyList<IModelFamily> _families;
    private readonly ILogger<YueEngine> _logger;
    private readonly SongQueue _queue;
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _loaded = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<string> _lost = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _abandon = new();
    private readonly ConcurrentDictionary<SongJob, bool> _unfinished = [];      // those that the engine's thread has taken
    private readonly Timer _watchdog;
    private readonly Lock _statusLock = new();
    private volatile bool _isHung;
    private volatile EngineStatus _status;
    private long _averageSongTicks = FirstGuess.Ticks;
    private long _stepStarted;      // a timestamp; 0 while there is nothing to do
    private long _loadingSince = Stopwatch.GetTimestamp();
    private long _memoryMeasured;
    private int _running;
    private Thread? _thread;
    private bool _disposed;

    /// <summary>An engine that loads nothing until it is started.</summary>
    public YueEngine(IOptions<EngineOptions> options, ILogger<YueEngine> logger)
        : this(options.Value, ModelFamilies.Of(options.Value), logger)
    {
    }

    /// <summary>An engine of other model families than the program's.</summary>
    internal YueEngine(EngineOptions options, IReadOnlyList<IModelFamily> families, ILogger<YueEngine> logger)
    {
        (_options, _families) = (options, families);
        _logger = logger;
        _status = new() { State = EngineState.Loading, Loading = "starting", IsDemo = _options.Stage1.Count == 0 };
        _queue = new SongQueue(_options.QueueCapacity);
        _watchdog = new Timer(_ => LookForHang());
    }

    public EngineStatus Status
    {
        get
        {
            var status = _status;
            var stepStarted = Interlocked.Read(ref _stepStarted);
            var isDraining = _queue.IsClosed && status.State is (EngineState.Loading or EngineState.Ready);
            return status with
            {
                State = isDraining ? EngineState.Draining : status.State,
                QueueDepth = _queue.Count,
                Running = Volatile.Read(ref _running),
                InStep = stepStarted == 0 ? TimeSpan.Zero : Stopwatch.GetElapsedTime(stepStarted),
            };
        }
    }

    public TimeSpan EstimatedWait =>
        TimeSpan.FromTicks(Interlocked.Read(ref _averageSongTicks) * (_queue.Count + Volatile.Read(ref _running)));

    public Task<string> Lost => _lost.Task;

    /// <summary>Completes when the engine is ready, fails when loading failed.</summary>
    public Task Loaded => _loaded.Task;

    public SubmitOutcome TrySubmit(
        SongRequest request, IProgress<SongProgress>? progress, out Task<SongResult>? song, CancellationToken cancel) =>
        TrySubmit(request, progress, listener: null, out song, cancel);

    /// <summary>Hands a song that can be heard while it is made to the engine's queue; returns at once.</summary>
    public SubmitOutcome TrySubmit(
        SongRequest request, IProgress<SongProgress>? progress, ISongListener? listener, out Task<SongResult>? song, CancellationToken cancel)
    {
        song = null;
        if (Status.State != EngineState.Ready)
        {
            return SubmitOutcome.NotReady;
        }

        var job = new SongJob(request, progress, cancel) { Listener = listener };
        if (!_queue.TryEnqueue(job))
        {
            return _queue.IsClosed ? SubmitOutcome.NotReady : SubmitOutcome.QueueFull;
        }

        song = job.Result;
        return SubmitOutcome.Accepted;
    }

    /// <summary>Starts loading in the background and returns at once.</summary>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        _thread = new Thread(Run) { Name = "yue-engine", IsBackground = true };
        _thread.Start();
        return Task.CompletedTask;
    }

    /// <summary>Refuses new songs, fails those that wait, and lets the running ones finish until the token says stop.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (_thread is null)
        {
            return;
        }

        _queue.Close(ShuttingDown());
        using var hurry = cancellationToken.UnsafeRegister(_ => _abandon.Cancel(), null);
        await _stopped.Task.ConfigureAwait(false);
    }

    /// <summary>Stops at once, where <see cref="StopAsync"/> was not called before.</summary>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        _abandon.Cancel();
        _queue.Close(ShuttingDown());
        if (!_isHung)
        {
            _thread?.Join();
            _abandon.Dispose();
        }

        _watchdog.Dispose();
    }

    private void Run()
    {
        try
        {
            var clock = Stopwatch.StartNew();
            if (_options.Stage1.Count > 0 && ModelSet.LacksGpu(_options))
            {
                Log.NoGpu(_logger);
            }

            var families = ModelFamilies.Open(_families, _options);
            using var models = ModelSet.Load(families, _options, Loading, LoadingInStep, _abandon.Token);
            using var pipeline = new SongPipeline(models, families, _logger);
            Loading("warming up", 95);
            pipeline.WarmUp(_abandon.Token);
            Loading("done", 100);
            _status = Ready(models, families);
            Log.Ready(_logger, _status.Device, clock.Elapsed.TotalSeconds, _status.IsDemo ? "; this is the demo model" : "");
            _loaded.SetResult();
            Serve(models, pipeline);
        }
        catch (OperationCanceledException) when (_abandon.IsCancellationRequested)
        {
            _loaded.TrySetCanceled();
        }
#pragma warning disable CA1031 // Whatever ends the engine's thread is reported, and readiness says so from then on.
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
            while (pipeline.HasRoom && _queue.TryDequeue(out var job))
            {
                Admit(pipeline, job);
            }

            Volatile.Write(ref _running, pipeline.Running);
            MeasureMemory(models);
            if (pipeline.Running > 0)
            {
                BeginStep();
                foreach (var seconds in pipeline.Step())
                {
                    Measure(seconds);
                }
            }
            else
            {
                Interlocked.Exchange(ref _stepStarted, 0);
                Watch(false);
                if (!_queue.Wait())
                {
                    return;
                }

                Watch(true);
            }
        }
    }

    /// <summary>Runs the watchdog while there is something to do; an engine that waits for songs wakes nobody up.</summary>
    private void Watch(bool isBusy)
    {
        var interval = isBusy && _options.StepTimeoutSeconds > 0 ? WatchdogInterval : Timeout.InfiniteTimeSpan;
        _watchdog.Change(interval, interval);
    }

    private void Admit(SongPipeline pipeline, SongJob job)
    {
        Interlocked.Increment(ref _running);
        _unfinished.TryAdd(job, true);
        _ = job.Result.ContinueWith(
            _ => _unfinished.TryRemove(job, out bool _), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        pipeline.Admit(job, _abandon.Token);
    }

    private void BeginStep() => Interlocked.Exchange(ref _stepStarted, Stopwatch.GetTimestamp());

    /// <summary>Counts every part of a model that loads on demand as a step, since a whole load may take minutes.</summary>
    private void LoadingInStep()
    {
        if (Interlocked.Read(ref _stepStarted) != 0)
        {
            BeginStep();
        }
    }

    /// <summary>A step that does not come back is a hung device: what the engine's thread holds is failed on its behalf.</summary>
    private void LookForHang()
    {
        var limit = TimeSpan.FromSeconds(_options.StepTimeoutSeconds);
        if (_isHung || Status is not { State: EngineState.Ready or EngineState.Draining } status || status.InStep <= limit)
        {
            return;
        }

        _isHung = true;
        var error = new EngineDeadException($"a step of the engine has not come back for {_options.StepTimeoutSeconds} s (StepTimeoutSeconds): the device hangs");
        Die(error);
        _abandon.Cancel();
        foreach (var job in _unfinished.Keys)
        {
            job.Fail(error);
        }

        _stopped.TrySetResult();
    }

    /// <summary>Half the old average, half the new song.</summary>
    private void Measure(double seconds) =>
        Interlocked.Exchange(ref _averageSongTicks, (_averageSongTicks + TimeSpan.FromSeconds(seconds).Ticks) / 2);

    /// <summary>Once a second, and before the thread goes to sleep with the memory as it then stays.</summary>
    private void MeasureMemory(ModelSet models)
    {
        if (Stopwatch.GetElapsedTime(_memoryMeasured) >= TimeSpan.FromSeconds(1) || Volatile.Read(ref _running) == 0)
        {
            _memoryMeasured = Stopwatch.GetTimestamp();
            var (memory, inMemory) = (models.MemoryNow(), models.ModelsNow());
            UpdateStatus(status => status with { Memory = memory, Models = inMemory });
        }
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

    /// <summary>The engine's thread and the watchdog both write it.</summary>
    private void UpdateStatus(Func<EngineStatus, EngineStatus> change)
    {
        lock (_statusLock)
        {
            _status = change(_status);
        }
    }

    private void Die(Exception error)
    {
        // Of a native library that does not load, only the innermost exception says why.
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

        _queue.Close(new EngineDeadException(reason, error));
    }

    private static SongException ShuttingDown() => new("the service is shutting down");

    private static partial class Log
    {
        [LoggerMessage(Level = LogLevel.Information, Message = "Done with {What} after {Seconds:F1} s")]
        public static partial void Loaded(ILogger logger, string? what, double seconds);

        [LoggerMessage(Level = LogLevel.Warning, Message = "Device is auto, and no GPU can be used here: on the CPU the configured models take many times "
            + "a song's length. yue doctor says what keeps a GPU from being used; Device cuda makes that a fault, Device cpu silences this")]
        public static partial void NoGpu(ILogger logger);

        [LoggerMessage(Level = LogLevel.Information, Message = "Ready on {Device} after {Seconds:F1} s{Demo}")]
        public static partial void Ready(ILogger logger, string device, double seconds, string demo);

        [LoggerMessage(Level = LogLevel.Critical, Message = "Loading failed at {What}: {Reason}")]
        public static partial void NotLoaded(ILogger logger, string? what, string reason);

        [LoggerMessage(Level = LogLevel.Debug, Message = "Where loading failed")]
        public static partial void NotLoadedWhere(ILogger logger, Exception error);

        [LoggerMessage(Level = LogLevel.Critical, Message = "The engine stopped")]
        public static partial void Dead(ILogger logger, Exception error);
    }
}
