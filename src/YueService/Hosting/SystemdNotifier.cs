using System.Globalization;
using Microsoft.Extensions.Options;
using Yue.Engine;

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

/// <summary>Tells systemd how the engine is: what it loads, when it is ready, that it lives, when it stops.</summary>
/// <remarks>The watchdog is served only while the engine's thread lives and its step is not older than the watchdog's own time, so
/// that a hung device ends in a restart. While models load, the start's time limit is moved on, and the stop's by what a drain may take.</remarks>
internal sealed class SystemdNotifier(ISongEngine engine, IHostApplicationLifetime lifetime, IOptions<HostOptions> host, SystemdSettings settings) : BackgroundService
{
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LoadingInterval = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LoadingExtension = TimeSpan.FromSeconds(60);

    private readonly TimeSpan _interval = settings.Watchdog / 4 is { } quarter && quarter < LookInterval ? quarter : LookInterval;
    private string _said = "";

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
            socket.Send(Extend(LoadingExtension));
        }

        if (settings.Watchdog is { } watchdog && IsAlive(status, watchdog))
        {
            socket.Send("WATCHDOG=1");
        }
    }

    /// <summary>Moves the limit of the start or the stop on.</summary>
    private static string Extend(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"EXTEND_TIMEOUT_USEC={time.TotalMicroseconds:F0}");

    private static bool IsAlive(EngineStatus status, TimeSpan watchdog) => status.State != EngineState.Failed && status.InStep < watchdog;

    private static string Describe(EngineStatus status) => status.State switch
    {
        EngineState.Loading => string.Create(CultureInfo.InvariantCulture, $"loading {status.Loading ?? "the models"}, {status.Percent:F0} %"),
        EngineState.Ready => $"ready on {status.Device}{(status.IsDemo ? " (demo model)" : "")}: {status.Running} running, {status.QueueDepth} waiting",
        EngineState.Failed => $"failed: {(status.Failure ?? "unknown").ReplaceLineEndings(" ")}",
        _ => "finishing the running songs",
    };
}
