namespace YueService.Downloads;

/// <summary>Limits, waits and parallelism of downloads.</summary>
internal sealed record DownloadSettings
{
    /// <summary>Files larger than this are fetched in ranges of this size, if the server supports ranges.</summary>
    public long RangeBytes { get; init; } = 64L << 20;

    /// <summary>The number of ranges that are fetched at the same time.</summary>
    public int Parallel { get; init; } = 4;

    /// <summary>The maximum time to wait for the headers of a response or for its next byte; after that, the request is sent
    /// again.</summary>
    public TimeSpan StallTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The maximum number of attempts for a request, for a range (in a row, without a new byte), and for a file that has to be
    /// downloaded again from its start.</summary>
    public int Attempts { get; init; } = 8;

    /// <summary>The average wait after the first failure; it doubles after every further failure.</summary>
    public TimeSpan FirstDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The maximum wait, even if a server requests a longer one.</summary>
    public TimeSpan MaxDelay { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Free disk space, in bytes, that downloads leave to other programs.</summary>
    public long SpareBytes { get; init; } = 1L << 30;

    /// <summary>The interval at which the record of the received bytes is written next to the partial file.</summary>
    public TimeSpan SaveInterval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Returns the wait before the next attempt. It varies at random by up to 25 %.</summary>
    /// <param name="failures">The number of failures in a row, at least 1.</param>
    /// <param name="requested">The wait that the server requested; null for none.</param>
    public TimeSpan DelayAfter(int failures, TimeSpan? requested = null)
    {
        var doubled = FirstDelay * Math.Pow(2, Math.Min(failures - 1, 16)) * (0.75 + (Random.Shared.NextDouble() / 2));
        var wanted = requested is { } least && least > doubled ? least : doubled;
        return wanted < MaxDelay ? wanted : MaxDelay;
    }
}
