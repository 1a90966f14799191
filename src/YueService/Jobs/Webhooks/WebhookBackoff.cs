namespace YueService.Jobs.Webhooks;

/// <summary>The retry schedule of webhooks that were not accepted.</summary>
internal static class WebhookBackoff
{
    private static readonly TimeSpan[] Waits =
    [
        TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(30), TimeSpan.FromMinutes(2), TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(30),
        TimeSpan.FromHours(2), TimeSpan.FromHours(5), TimeSpan.FromHours(10),
    ];

    /// <summary>Returns the time to wait after the given number of attempts; null if there are no more attempts.</summary>
    /// <remarks>Up to a tenth is added at random, so that webhooks to a receiver that was down are not all sent together.</remarks>
    public static TimeSpan? After(int attempts) =>
        attempts <= Waits.Length ? Waits[attempts - 1] * (1 + (0.1 * Random.Shared.NextDouble())) : null;
}
