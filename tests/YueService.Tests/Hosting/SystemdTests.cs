using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Text;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Hosting.Systemd;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Xunit;
using Yue.Engine.Scheduling;
using Yue.Testing;
using YueService.Hosting;
using YueService.Jobs;
using YueService.Settings;
using YueService.Tests.Fakes;

namespace YueService.Tests.Hosting;

/// <summary>Tests the messages to systemd by reading them from a socket, as systemd does.</summary>
public sealed class SystemdTests : IDisposable
{
    private static readonly TimeSpan Watchdog = TimeSpan.FromMilliseconds(400);

    private readonly TemporaryFolder _folder = new();
    private readonly FakeSongEngine _engine = new();
    private readonly Lifetime _lifetime = new();
    private readonly Clock _clock = new();
    private readonly LinesLog _log = new();
    private readonly ConcurrentQueue<string> _received = new();
    private readonly Socket _systemd = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);

    public SystemdTests()
    {
        _systemd.Bind(new UnixDomainSocketEndPoint(_folder["notify"]));
        _ = Task.Run(ReadAsync);
    }

    public void Dispose()
    {
        _systemd.Dispose();
        _folder.Dispose();
        _lifetime.Dispose();
    }

    [Fact]
    public async Task READY_is_sent_once_and_only_when_the_engine_is_ready()
    {
        var ready = _engine.Status;
        _engine.Status = new EngineStatus { State = EngineState.Loading, Loading = "stage 2", Percent = 40 };
        using var reporter = await StartAsync();
        await WhenReceivedAsync("STATUS=loading stage 2, 40 %");
        await WhenReceivedAsync("EXTEND_TIMEOUT_USEC=300000000");
        Assert.DoesNotContain("READY=1", _received);

        _engine.Status = ready;
        await WhenReceivedAsync("READY=1");
        await WhenReceivedAsync("STATUS=ready on cpu: 1 running, 0 waiting");
        await WhenWatchdogMessagesAsync(3);
        Assert.Single(_received, message => message == "READY=1");
    }

    [Fact]
    public async Task The_start_timeout_is_extended_only_when_loading_makes_progress()
    {
        _engine.Status = Loading("stage 1", 10);
        using var reporter = await StartAsync();
        await WhenReceivedAsync("EXTEND_TIMEOUT_USEC=300000000");
        await WhenCheckedAgainAsync(5);
        Assert.Equal(1, Extensions());

        _engine.Status = Loading("stage 1", 10.5);
        await Eventually.TrueAsync(() => Extensions() == 2);
        _engine.Status = Loading("stage 2", 10.5);
        await Eventually.TrueAsync(() => Extensions() == 3);
        await WhenCheckedAgainAsync(5);
        Assert.Equal(3, Extensions());
    }

    [Fact]
    public async Task A_stalled_load_is_logged_once_before_systemd_kills_the_process()
    {
        _engine.Status = Loading("stage 2", 40);
        using var reporter = await StartAsync();
        await WhenReceivedAsync("EXTEND_TIMEOUT_USEC=300000000");
        Assert.Empty(_log.Lines);
        _clock.Advance(SystemdReporter.LoadingPatience - TimeSpan.FromSeconds(30));
        await Eventually.TrueAsync(() => !_log.Lines.IsEmpty);
        await WhenCheckedAgainAsync(5);
        Assert.StartsWith(
            "Loading stage 2 has made no progress for 270 s (40 % loaded)", Assert.Single(_log.Lines), StringComparison.Ordinal);
        Assert.Equal(1, Extensions());
    }

    [Fact]
    public async Task Watchdog_messages_pause_while_a_step_takes_longer_than_the_limit()
    {
        using var reporter = await StartAsync();
        await WhenWatchdogMessagesAsync(2);
        var alive = _engine.Status;
        _engine.Status = alive with { InStep = Watchdog };
        await AssertNoWatchdogMessagesAsync();
        _engine.Status = alive with { InStep = Watchdog / 2 };
        await WhenWatchdogMessagesAsync(2);
    }

    [Fact]
    public async Task Watchdog_messages_stop_when_the_engine_has_failed()
    {
        using var reporter = await StartAsync();
        await WhenWatchdogMessagesAsync(1);
        _engine.Status = _engine.Status with { State = EngineState.Failed, Failure = "CUDA error 719\nin a kernel" };
        await WhenReceivedAsync("STATUS=failed: CUDA error 719 in a kernel");
        await AssertNoWatchdogMessagesAsync();
    }

    [Fact]
    public async Task Without_a_watchdog_there_are_no_watchdog_messages()
    {
        _engine.Status = new EngineStatus { State = EngineState.Loading };
        using var reporter = await StartAsync(watchdog: false);
        await AssertNoWatchdogMessagesAsync();
    }

    [Fact]
    public async Task STOPPING_is_sent_with_the_time_limit_of_the_drain()
    {
        using var reporter = await StartAsync();
        await WhenReceivedAsync("READY=1");
        _lifetime.StopApplication();
        await WhenReceivedAsync("STOPPING=1\nSTATUS=finishing the running songs\nEXTEND_TIMEOUT_USEC=45000000");
    }

    [Fact]
    public async Task The_reporter_keeps_running_if_the_socket_is_closed()
    {
        _systemd.Dispose();
        using var reporter = await StartAsync();
        var before = _engine.StatusReads;
        await Eventually.TrueAsync(() => _engine.StatusReads >= before + 3);
        Assert.False(reporter.ExecuteTask!.IsCompleted);
    }

    [Fact]
    public async Task A_socket_in_the_abstract_namespace_gets_the_same_messages()
    {
        using var systemd = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        var address = "\0yue-test-" + Guid.NewGuid().ToString("N");
        systemd.Bind(new UnixDomainSocketEndPoint(address));
        using var reporter = await StartAsync(watchdog: false, address);
        var buffer = new byte[4096];
        var count = await systemd.ReceiveAsync(buffer, TestContext.Current.CancellationToken).AsTask().InTime();
        Assert.Equal("READY=1", Encoding.UTF8.GetString(buffer, 0, count));
    }

    [Theory]
    [InlineData(null, null, null)]
    [InlineData("5000000", null, 5.0)]
    [InlineData("5000000", "", 5.0)]
    [InlineData("5000000", "me", 5.0)]
    [InlineData("5000000", "1", null)]
    [InlineData("soon", null, null)]
    [InlineData("0", null, null)]
    public void The_environment_sets_the_watchdog_limit(string? microseconds, string? processId, double? seconds)
    {
        var watchdog = SystemdWatchdog.Read(name => name switch
        {
            "WATCHDOG_USEC" => microseconds,
            "WATCHDOG_PID" => processId == "me" ? Environment.ProcessId.ToString(CultureInfo.InvariantCulture) : processId,
            _ => null,
        });
        Assert.Equal(seconds, watchdog.Limit?.TotalSeconds);
    }

    private async Task<SystemdReporter> StartAsync(bool watchdog = true, string? address = null)
    {
        var host = Options.Create(new HostOptions { ShutdownTimeout = TimeSpan.FromSeconds(45) });
        var systemd = NotifierFor(address ?? _folder["notify"]);
        var reporter = new SystemdReporter(
            _engine, new JobOrder(Options.Create(new JobOptions())), _lifetime,
            host, systemd, new(watchdog ? Watchdog : null), _clock, _log);
        await reporter.StartAsync(TestContext.Current.CancellationToken);
        return reporter;
    }

    /// <summary>Creates the library's notifier for a socket. The public constructor reads the address from an environment
    /// variable instead.</summary>
    [UnsafeAccessor(UnsafeAccessorKind.Constructor)]
    private static extern SystemdNotifier NotifierFor(string address);

    private static EngineStatus Loading(string part, double percent) =>
        new() { State = EngineState.Loading, Loading = part, Percent = percent };

    private int Extensions() => _received.Count(message => message.StartsWith("EXTEND_TIMEOUT_USEC", StringComparison.Ordinal));

    /// <summary>Waits until the reporter has checked the engine several more times.</summary>
    private Task WhenCheckedAgainAsync(int more)
    {
        var before = _engine.StatusReads;
        return Eventually.TrueAsync(() => _engine.StatusReads >= before + more);
    }

    private Task WhenReceivedAsync(string message) => Eventually.TrueAsync(() => _received.Contains(message));

    private Task WhenWatchdogMessagesAsync(int more)
    {
        var before = _received.Count(message => message == "WATCHDOG=1");
        return Eventually.TrueAsync(() => _received.Count(message => message == "WATCHDOG=1") >= before + more);
    }

    /// <summary>Checks that no watchdog message is sent with the next status reports.</summary>
    /// <remarks>Messages arrive in order, and each report is sent before the watchdog message of the same check. After the first report, no
    /// earlier watchdog message can arrive.</remarks>
    private async Task AssertNoWatchdogMessagesAsync()
    {
        for (var turn = 1; turn <= 4; turn++)
        {
            var status = _engine.Status;
            var failure = status.Failure is null ? null : $"fault {turn}";
            _engine.Status = status with { Running = turn + 1, Loading = $"part {turn}", Failure = failure };
            await Eventually.TrueAsync(() => _received.Any(
                message => message.StartsWith("STATUS=", StringComparison.Ordinal) && StatusOfTurn(turn).Any(message.Contains)));
            if (turn == 1)
            {
                _received.Clear();
            }
        }

        Assert.DoesNotContain("WATCHDOG=1", _received);
    }

    private static string[] StatusOfTurn(int turn) => [$"{turn + 1} running", $"part {turn}", $"fault {turn}"];

    private async Task ReadAsync()
    {
        var buffer = new byte[4096];
        try
        {
            while (true)
            {
                _received.Enqueue(Encoding.UTF8.GetString(buffer, 0, await _systemd.ReceiveAsync(buffer)));
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The test has ended.
        }
    }

    /// <summary>A clock that the test advances.</summary>
    private sealed class Clock : TimeProvider
    {
        private long _ticks = 1;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Interlocked.Read(ref _ticks);

        public void Advance(TimeSpan time) => Interlocked.Add(ref _ticks, time.Ticks);
    }

    private sealed class LinesLog : ILogger<SystemdReporter>
    {
        public ConcurrentQueue<string> Lines { get; } = new();

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Enqueue(formatter(state, exception));
    }

    private sealed class Lifetime : IHostApplicationLifetime, IDisposable
    {
        private readonly CancellationTokenSource _stopping = new();

        public CancellationToken ApplicationStarted => CancellationToken.None;

        public CancellationToken ApplicationStopping => _stopping.Token;

        public CancellationToken ApplicationStopped => CancellationToken.None;

        public void StopApplication() => _stopping.Cancel();

        public void Dispose() => _stopping.Dispose();
    }
}
