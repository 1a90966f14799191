using System.Globalization;
using Microsoft.Extensions.Options;
using Yue.Engine.Scheduling;

namespace YueService.Hosting;

/// <summary>Where systemd wants to be told, and how often.</summary>
/// <param name="Socket">The socket's address.</param>
/// <param name="Watchdog">The time within which a sign of life must come; null for none.</param>
internal sealed record SystemdSettings(string Socket, TimeSpan? Watchdog)
{
    /// <summary>What systemd set for this process; null when it did not start it.</summary>
    public static SystemdSettings? Read(Func<string, string?> variable)
    {
        if (variable("NOTIFY_SOCKET") is not { Length: > 1 } socket || socket[0] is not ('/' or '@'))
        {
            return null;
        }

        var isForUs = variable("WATCHDOG_PID") is null or "" || variable("WATCHDOG_PID") == Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
        return isForUs && long.TryParse(variable("WATCHDOG_USEC"), NumberStyles.None, CultureInfo.InvariantCulture, out var microseconds) && microseconds > 0
            ? new(socket, TimeSpan.FromMicroseconds(microseconds))
            : new(socket, null);
    }
}

/// <summary>Reports the engine's state to systemd: loading, ready, alive, stopping.</summary>
/// <remarks>
/// Watchdog messages are sent only while the engine's thread is alive and its current step is younger than the watchdog time, so a hung
/// device ends in a restart. The start limit is extended only when loading makes progress, so a load that hangs ends, too. The stop limit
/// is extended by the time that a drain may take.
/// </remarks>
internal sealed partial class SystemdNotifier(
    ISongEngine engine,
    IHostApplicationLifetime lifetime,
    IOptions<HostOptions> host,
    SystemdSettings settings,
    TimeProvider clock,
    ILogger<SystemdNotifier> logger) : BackgroundService
{
    /// <summary>The longest time that loading may take from one sign of progress to the next.</summary>
    internal static readonly TimeSpan LoadingPatience = TimeSpan.FromMinutes(5);

    // The log says what hangs before systemd ends the process.
    private static readonly TimeSpan HangWarning = LoadingPatience - TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LoadingInterval = TimeSpan.FromMilliseconds(200);

    private readonly TimeSpan _interval = settings.Watchdog / 4 is { } quarter && quarter < LookInterval ? quarter : LookInterval;
    private string _said = "";
    private (string? What, double Percent)? _progress;
    private long _progressAt;
    private bool _isHangLogged;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var socket = new NotifySocket(settings.Socket);
        using var stopping = lifetime.ApplicationStopping.Register(
            () => socket.Send($"STOPPING=1\nSTATUS=finishing the running songs\n{Extend(host.Value.ShutdownTimeout)}"));
        var isReady = false;
        while (!stoppingToken.IsCancellationRequested)
        {
            var status = engine.Status;
            if (!isReady && status.State == EngineState.Ready)
            {
                isReady = true;
                socket.Send("READY=1");
            }

            Tell(socket, status);
            var interval = status.State == EngineState.Loading ? LoadingInterval : _interval;
            await Task.Delay(interval, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private void Tell(NotifySocket socket, EngineStatus status)
    {
        if (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            return;
        }

        var text = Describe(status);
        if (text != _said)
        {
            _said = text;
            socket.Send($"STATUS={text}");
        }

        if (status.State == EngineState.Loading)
        {
            ExtendOnProgress(socket, status);
        }

        if (settings.Watchdog is { } watchdog && IsAlive(status, watchdog))
        {
            socket.Send("WATCHDOG=1");
        }
    }

    /// <summary>Extends the start limit if the engine loads something else than before, or more of it.</summary>
    private void ExtendOnProgress(NotifySocket socket, EngineStatus status)
    {
        if (_progress != (status.Loading, status.Percent))
        {
            (_progress, _progressAt, _isHangLogged) = ((status.Loading, status.Percent), clock.GetTimestamp(), false);
            socket.Send(Extend(LoadingPatience));
        }
        else if (!_isHangLogged && clock.GetElapsedTime(_progressAt) is var silence && silence >= HangWarning)
        {
            _isHangLogged = true;
            Log.Hangs(logger, status.Loading ?? "the models", status.Percent, silence.TotalSeconds, (LoadingPatience - HangWarning).TotalSeconds);
        }
    }

    /// <summary>Extends the limit of the start or the stop, counted from now.</summary>
    private static string Extend(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"EXTEND_TIMEOUT_USEC={time.TotalMicroseconds:F0}");

    private static bool IsAlive(EngineStatus status, TimeSpan watchdog) => status.State != EngineState.Failed && status.InStep < watchdog;

    private static string Describe(EngineStatus status) => status.State switch
    {
        EngineState.Loading => string.Create(CultureInfo.InvariantCulture, $"loading {status.Loading ?? "the models"}, {status.Percent:F0} %"),
        EngineState.Ready => $"ready on {status.Device}{(status.IsDemo ? " (demo model)" : "")}: {status.Running} running, {status.QueueDepth} waiting",
        EngineState.Failed => $"failed: {(status.Failure ?? "unknown").ReplaceLineEndings(" ")}",
        _ => "finishing the running songs",
    };

    private static partial class Log
    {
        [LoggerMessage(Level = LogLevel.Error, Message = "Loading {What} has made no progress for {Seconds:F0} s ({Percent:F0} % loaded). Without any, "
            + "systemd ends the start in {SecondsLeft:F0} s: check the disk and the device that it loads from and to")]
        public static partial void Hangs(ILogger logger, string what, double percent, double seconds, double secondsLeft);
    }
}
