namespace YueService.Jobs;

/// <summary>Ends the process after an exception that the job service does not expect, so that a new process can start.</summary>
internal sealed partial class JobFailure(JobSignals signals, IHostApplicationLifetime lifetime, ILogger<JobFailure> logger)
{
    private volatile bool _isReported;

    /// <summary>True if the process ends because the job service failed.</summary>
    public bool IsReported => _isReported;

    public void Report(Exception exception)
    {
        _isReported = true;
        LogFailed(exception);
        signals.Tried(new StorageException("The job service failed, and the process ends. Try again after its restart.", exception));
        lifetime.StopApplication();
    }

    [LoggerMessage(LogLevel.Critical, "The job service failed, and the process ends so that a new one can start")]
    private partial void LogFailed(Exception exception);
}
