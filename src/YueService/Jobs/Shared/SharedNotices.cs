namespace YueService.Jobs.Shared;

/// <summary>The notifications from the database, on a separate connection. They are only hints: readers also poll, and requests for
/// sound are repeated.</summary>
internal sealed partial class SharedNotices(PostgresDatabase database, SharedSettings settings, ILogger<SharedNotices> logger)
    : BackgroundService
{
    private static readonly TimeSpan MinWait = TimeSpan.FromMilliseconds(100);

    /// <summary>Raised for each notification, and with an empty string if some may have been lost. Handlers must return quickly.</summary>
    public event Action<string>? Noticed;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!settings.IsShared)
        {
            return;
        }

        var wait = MinWait;
        string? logged = null;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await database.ListenAsync(
                    () =>
                    {
                        (wait, logged) = (MinWait, null);
                        Noticed?.Invoke("");
                    },
                    notice => Noticed?.Invoke(notice),
                    stoppingToken);
            }
            catch (StorageException e)
            {
                if (logged != e.Message)
                {
                    LogLost(e.Message);
                    logged = e.Message;
                }
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }

            // At most a third of the lease, so that a missing connection does not cause the loss of a lease.
            await Task.Delay(wait, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            wait = wait * 2 < settings.RenewInterval ? wait * 2 : settings.RenewInterval;
        }
    }

    [LoggerMessage(LogLevel.Warning, "Notifications cannot be received: {Reason} Retrying")]
    private partial void LogLost(string reason);
}
