namespace YueService.CommandLine;

/// <summary>How far something is.</summary>
/// <param name="Step">What is being done.</param>
/// <param name="Fraction">How much of the whole is done, 0 to 1.</param>
internal sealed record ProgressLine(string Step, double Fraction);

/// <summary>Shows how far work is while it runs.</summary>
internal interface IProgressView
{
    /// <summary>Shows the progress until the work ends; whether it ends well is the caller's to see.</summary>
    Task FollowAsync(Func<ProgressLine> read, Task work);
}
