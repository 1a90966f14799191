namespace YueService.Jobs;

/// <summary>The reason why a job failed. The names are those of the stored rows.</summary>
internal enum FaultKind
{
    /// <summary>The model cannot sing the request.</summary>
    Unsingable,

    /// <summary>The song could not be made.</summary>
    SongFailed,

    /// <summary>What is stored of the job is damaged.</summary>
    SongDamaged,

    /// <summary>The song was made and could not be stored.</summary>
    StorageUnavailable,

    /// <summary>The device was lost while the song was made.</summary>
    EngineLost,

    /// <summary>A fault of the service itself.</summary>
    InternalError,
}

/// <summary>The reason why a job failed.</summary>
/// <param name="Kind">The kind of fault.</param>
/// <param name="Detail">What went wrong this time, for the caller; no internals.</param>
internal sealed record Fault(FaultKind Kind, string Detail);

/// <summary>Ends a job with a fault.</summary>
internal sealed class JobFaultException(Fault fault) : Exception(fault.Detail)
{
    public Fault Fault { get; } = fault;
}
