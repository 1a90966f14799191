namespace YueService.Jobs;

/// <summary>Ends the process after an unexpected exception in the job service, so that a new process can start.</summary>
internal sealed partial class JobFailure(JobSignals signals, IHostApplicationLifetime lifetime, ILogger<JobFailure> logger)
{
    private volatile bool _isReported;

    /// <summary>True if the process is exiting because the job service failed.</summary>
    public bool IsReported => _isReported;

    public void Report(Exception exception)
    {
        _isReported = true;
        LogFailed(exception);
        signals.SetOpenResult(
            new StorageException("The job service failed, and the process exits. Try again after its restart.", exception));
        lifetime.StopApplication();
    }

    [LoggerMessage(LogLevel.Critical, "The job service failed, and the process exits so that a new one can start")]
    private partial void LogFailed(Exception exception);
}
