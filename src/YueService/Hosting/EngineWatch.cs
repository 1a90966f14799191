using Yue.Engine.Scheduling;

namespace YueService.Hosting;

/// <summary>Ends the process when the engine was ready and has failed: the device is lost, and only a new process gets it back.</summary>
/// <remarks>An engine that could not load its models does not end the process: /health then says why.</remarks>
internal sealed partial class EngineWatch(ISongEngine engine, IHostApplicationLifetime lifetime, ILogger<EngineWatch> logger)
    : BackgroundService
{
    private volatile bool _isLost;

    /// <summary>Whether the process ends because the engine was lost.</summary>
    public bool IsLost => _isLost;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            var reason = await engine.Lost.WaitAsync(stoppingToken);
            _isLost = true;
            Log.Lost(logger, reason);
            lifetime.StopApplication();
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The service stops.
        }
    }

    private static partial class Log
    {
        [LoggerMessage(
            Level = LogLevel.Critical, Message = "The engine is lost, and the process ends so that a new one can start: {Reason}")]
        public static partial void Lost(ILogger logger, string reason);
    }
}
