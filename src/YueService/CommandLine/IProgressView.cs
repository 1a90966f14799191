namespace YueService.CommandLine;

/// <summary>The progress of some work.</summary>
/// <param name="Step">The current step.</param>
/// <param name="Fraction">The fraction of the work that is done, 0 to 1.</param>
internal sealed record ProgressLine(string Step, double Fraction)
{
    /// <summary>The total size, for work that is measured in bytes; null for other work.</summary>
    public long? Bytes { get; init; }

    /// <summary>A message to show once, in addition to the progress.</summary>
    public string? Notice { get; init; }
}

/// <summary>Shows the progress of work while it is running.</summary>
internal interface IProgressView
{
    /// <summary>Shows the progress until the work ends. The caller awaits the work for its outcome.</summary>
    Task FollowAsync(Func<ProgressLine> read, Task work);
}
