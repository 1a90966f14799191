using Yue.Engine;

namespace YueService.Hosting;

/// <summary>Ends the process when the engine was ready and has failed: the device is lost, and only a new process gets it back.</summary>
/// <remarks>An engine that could not load its models does not end the process: /health then says why.</remarks>
internal sealed partial class EngineWatch(ISongEngine engine, IHostApplicationLifetime lifetime, ILogger<EngineWatch> logger) : BackgroundService
{
    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(500);

    private volatile bool _isLost;

    /// <summary>Whether the process ends because the engine was lost.</summary>
    public bool IsLost => _isLost;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var wasReady = false;
        while (!stoppingToken.IsCancellationRequested)
        {
            var status = engine.Status;
            wasReady |= status.State == EngineState.Ready;
            if (wasReady && status.State == EngineState.Failed)
            {
                _isLost = true;
                Log.Lost(logger, status.Failure ?? "unknown");
                lifetime.StopApplication();
                return;
            }

            await Task.Delay(LookInterval, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(Level = LogLevel.Critical, Message = "The engine is lost, and the process ends so that a new one can start: {Reason}")]
        public static partial void Lost(ILogger logger, string reason);
    }
}
