using System.Globalization;
using System.Net.Sockets;
using Microsoft.Extensions.Hosting.Systemd;
using Microsoft.Extensions.Options;
using Yue.Engine.Scheduling;
using YueService.Jobs;

namespace YueService.Hosting;

/// <summary>The systemd watchdog of this process.</summary>
/// <param name="Limit">The maximum time between two watchdog messages; null if there is no watchdog.</param>
internal sealed record SystemdWatchdog(TimeSpan? Limit)
{
    /// <summary>Reads the variables that systemd sets. A watchdog for another process id does not count.</summary>
    public static SystemdWatchdog Read(Func<string, string?> variable)
    {
        var processId = variable("WATCHDOG_PID");
        var isForUs = string.IsNullOrEmpty(processId) || processId == Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
        return isForUs
            && long.TryParse(variable("WATCHDOG_USEC"), NumberStyles.None, CultureInfo.InvariantCulture, out var microseconds)
            && microseconds > 0
                ? new(TimeSpan.FromMicroseconds(microseconds))
                : new(Limit: null);
    }
}

/// <summary>Reports the engine's state to systemd: loading, ready, alive, stopping.</summary>
/// <remarks>
/// Watchdog messages are sent only while the engine's thread is alive and its current step has taken less time than the watchdog limit, so
/// a hung device causes a restart. The start timeout is extended only while loading makes progress, so a hung load also ends. The stop
/// timeout is extended to the host's shutdown timeout.
/// </remarks>
internal sealed partial class SystemdReporter(
    ISongEngine engine,
    JobOrder order,
    IHostApplicationLifetime lifetime,
    IOptions<HostOptions> host,
    ISystemdNotifier systemd,
    SystemdWatchdog watchdog,
    TimeProvider clock,
    ILogger<SystemdReporter> logger) : BackgroundService
{
    /// <summary>The longest time that loading may take between two signs of progress.</summary>
    internal static readonly TimeSpan LoadingPatience = TimeSpan.FromMinutes(5);

    // The hang is logged shortly before systemd stops the process.
    private static readonly TimeSpan HangWarning = LoadingPatience - TimeSpan.FromSeconds(30);
    private static readonly TimeSpan PollInterval = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LoadingInterval = TimeSpan.FromMilliseconds(200);

    private readonly TimeSpan _interval = watchdog.Limit / 4 is { } quarter && quarter < PollInterval ? quarter : PollInterval;
    private string _lastStatus = "";
    private (string? What, double Percent)? _progress;
    private long _progressAt;
    private bool _isHangLogged;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var stopping = lifetime.ApplicationStopping.Register(
            () => Notify($"{ServiceState.Stopping}\nSTATUS=finishing the running songs\n{Extend(host.Value.ShutdownTimeout)}"));
        var isReady = false;
        while (!stoppingToken.IsCancellationRequested)
        {
            var status = engine.Status;
            if (!isReady && status.State == EngineState.Ready)
            {
                isReady = true;
                Notify(ServiceState.Ready.ToString());
            }

            Report(status);
            var interval = status.State == EngineState.Loading ? LoadingInterval : _interval;
            await Task.Delay(interval, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private void Report(EngineStatus status)
    {
        if (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            return;
        }

        var text = Describe(status, order.Depth);
        if (text != _lastStatus)
        {
            _lastStatus = text;
            Notify($"STATUS={text}");
        }

        if (status.State == EngineState.Loading)
        {
            ExtendOnProgress(status);
        }

        if (watchdog.Limit is { } limit && IsAlive(status, limit))
        {
            Notify("WATCHDOG=1");
        }
    }

    /// <summary>Extends the start timeout if loading has made progress since the last call.</summary>
    private void ExtendOnProgress(EngineStatus status)
    {
        if (_progress != (status.Loading, status.Percent))
        {
            (_progress, _progressAt, _isHangLogged) = ((status.Loading, status.Percent), clock.GetTimestamp(), false);
            Notify(Extend(LoadingPatience));
        }
        else if (!_isHangLogged && clock.GetElapsedTime(_progressAt) is var silence && silence >= HangWarning)
        {
            _isHangLogged = true;
            var left = LoadingPatience - HangWarning;
            Log.Hangs(logger, status.Loading ?? "the models", status.Percent, silence.TotalSeconds, left.TotalSeconds);
        }
    }

    /// <summary>Sends assignments, one per line. If systemd is not listening, the service continues.</summary>
    private void Notify(string assignments)
    {
        try
        {
            systemd.Notify(new ServiceState(assignments));
        }
        catch (SocketException)
        {
            // Nobody is listening at the moment.
        }
    }

    /// <summary>Returns the assignment that extends the start or stop timeout, counted from now.</summary>
    private static string Extend(TimeSpan time) =>
        string.Create(CultureInfo.InvariantCulture, $"EXTEND_TIMEOUT_USEC={time.TotalMicroseconds:F0}");

    private static bool IsAlive(EngineStatus status, TimeSpan limit) => status.State != EngineState.Failed && status.InStep < limit;

    private static string Describe(EngineStatus status, int waiting) => status.State switch
    {
        EngineState.Loading => string.Create(
            CultureInfo.InvariantCulture, $"loading {status.Loading ?? "the models"}, {status.Percent:F0} %"),
        EngineState.Ready =>
            $"ready on {status.Device}{(status.IsDemo ? " (demo model)" : "")}: {status.Running} running, {waiting} waiting",
        EngineState.Failed => $"failed: {(status.Failure ?? "unknown").ReplaceLineEndings(" ")}",
        _ => "finishing the running songs",
    };

    private static partial class Log
    {
        [LoggerMessage(
            Level = LogLevel.Error,
            Message = "Loading {What} has made no progress for {Seconds:F0} s ({Percent:F0} % loaded). Without progress, "
                + "systemd stops the process in {SecondsLeft:F0} s: check the disk and the device")]
        public static partial void Hangs(ILogger logger, string what, double percent, double seconds, double secondsLeft);
    }
}
