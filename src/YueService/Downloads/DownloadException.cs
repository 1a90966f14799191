namespace YueService.Downloads;

/// <summary>The way to continue after a failed download.</summary>
internal enum DownloadRemedy
{
    /// <summary>Stop and show the message: the program cannot continue on its own.</summary>
    None,

    /// <summary>Request the rest of the range again.</summary>
    Resume,

    /// <summary>Download the file again from its start, because the partial download cannot be resumed.</summary>
    Restart,
}

/// <summary>A file could not be downloaded. The message names it and never contains a token or a signed address.</summary>
internal sealed class DownloadException(string message, DownloadRemedy remedy, Exception? inner = null) : Exception(message, inner)
{
    public DownloadRemedy Remedy { get; } = remedy;
}
