namespace YueService.Jobs;

/// <summary>The kind of fault that made a job fail. The database stores these names.</summary>
internal enum FaultKind
{
    /// <summary>The model cannot sing the request.</summary>
    Unsingable,

    /// <summary>The song could not be made.</summary>
    SongFailed,

    /// <summary>The stored data of the job is damaged.</summary>
    SongDamaged,

    /// <summary>The song was made but could not be stored, or its reference clip could not be read.</summary>
    StorageUnavailable,

    /// <summary>The device was lost while the song was being made.</summary>
    EngineLost,

    /// <summary>A bug in the service.</summary>
    InternalError,
}

/// <summary>The reason why a job failed.</summary>
/// <param name="Kind">The kind of fault.</param>
/// <param name="Detail">What went wrong, in words for the caller and without internal details.</param>
internal sealed record Fault(FaultKind Kind, string Detail);

/// <summary>Ends a job with a fault.</summary>
internal sealed class JobFaultException(Fault fault) : Exception(fault.Detail)
{
    public Fault Fault { get; } = fault;
}
