using Yue.Engine.Scheduling;

namespace YueService.Hosting;

/// <summary>Ends the process if the engine fails after it was ready: the device is lost, and only a new process can use it again.</summary>
/// <remarks>If the engine cannot load its models, the process continues, and /health shows the reason.</remarks>
internal sealed partial class EngineWatch(ISongEngine engine, IHostApplicationLifetime lifetime, ILogger<EngineWatch> logger)
    : BackgroundService
{
    private volatile bool _isLost;

    /// <summary>True if the process is exiting because the engine was lost.</summary>
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
            // The service is stopping.
        }
    }

    private static partial class Log
    {
        [LoggerMessage(
            Level = LogLevel.Critical, Message = "The engine is lost, and the process exits so that a new one can start: {Reason}")]
        public static partial void Lost(ILogger logger, string reason);
    }
}
