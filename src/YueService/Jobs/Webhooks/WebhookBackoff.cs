namespace YueService.Jobs.Webhooks;

/// <summary>The times at which a webhook that was not taken is sent again.</summary>
internal static class WebhookBackoff
{
    private static readonly TimeSpan[] Waits =
    [
        TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(30), TimeSpan.FromMinutes(2), TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(30),
        TimeSpan.FromHours(2), TimeSpan.FromHours(5), TimeSpan.FromHours(10),
    ];

    /// <summary>Returns the time to wait after so many tries; null if there is no further one.</summary>
    /// <remarks>A random tenth is added, so that many webhooks to a receiver that was down do not come all at once.</remarks>
    public static TimeSpan? After(int attempts) =>
        attempts <= Waits.Length ? Waits[attempts - 1] * (1 + (0.1 * Random.Shared.NextDouble())) : null;
}
