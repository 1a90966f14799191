namespace YueService.Downloads;

/// <summary>What helps against a failed download.</summary>
internal enum DownloadRemedy
{
    /// <summary>Nothing that the program can do: the message says what the user can.</summary>
    None,

    /// <summary>Asking again after a while.</summary>
    Retry,

    /// <summary>Beginning the file again: what was fetched cannot be continued.</summary>
    Restart,
}

/// <summary>A file could not be downloaded; the message names it and never holds a token or a signed address.</summary>
internal sealed class DownloadException(string message, DownloadRemedy remedy, Exception? inner = null) : Exception(message, inner)
{
    public DownloadRemedy Remedy { get; } = remedy;

    /// <summary>How long the server asks to wait.</summary>
    public TimeSpan? RetryAfter { get; init; }
}
