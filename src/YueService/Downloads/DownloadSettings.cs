namespace YueService.Downloads;

/// <summary>How patient and how parallel downloads are.</summary>
internal sealed record DownloadSettings
{
    /// <summary>Files larger than this are fetched in ranges of this size.</summary>
    public long RangeBytes { get; init; } = 64L << 20;

    /// <summary>Ranges fetched at the same time.</summary>
    public int Parallel { get; init; } = 4;

    /// <summary>How long a connection may bring no byte before it is given up and opened again.</summary>
    public TimeSpan StallTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Failures in a row, without a byte between them, after which a file is given up.</summary>
    public int Attempts { get; init; } = 8;

    /// <summary>The wait after the first failure; it doubles with every further one.</summary>
    public TimeSpan FirstDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest wait, also where a server asks for a longer one.</summary>
    public TimeSpan MaxDelay { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Free disk space, in bytes, that downloads leave to other programs.</summary>
    public long SpareBytes { get; init; } = 1L << 30;

    /// <summary>The interval at which the record of the bytes received is written beside the partial file.</summary>
    public TimeSpan SaveInterval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>The wait before the next try.</summary>
    /// <param name="failures">Failures in a row, at least one.</param>
    /// <param name="asked">What the server asked for.</param>
    public TimeSpan DelayAfter(int failures, TimeSpan? asked)
    {
        var doubled = FirstDelay * Math.Pow(2, Math.Min(failures - 1, 16)) * (0.75 + (Random.Shared.NextDouble() / 2));
        var wanted = asked is { } least && least > doubled ? least : doubled;
        return wanted < MaxDelay ? wanted : MaxDelay;
    }
}
