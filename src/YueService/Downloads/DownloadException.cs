namespace YueService.Downloads;

/// <summary>The way to continue after a failed download.</summary>
internal enum DownloadRemedy
{
    /// <summary>The program cannot continue; the message says what the user can do.</summary>
    None,

    /// <summary>Request the rest of the range again.</summary>
    Resume,

    /// <summary>Start the file again: the bytes so far cannot be continued.</summary>
    Restart,
}

/// <summary>A file could not be downloaded. The message names it and never contains a token or a signed address.</summary>
internal sealed class DownloadException(string message, DownloadRemedy remedy, Exception? inner = null) : Exception(message, inner)
{
    public DownloadRemedy Remedy { get; } = remedy;
}
