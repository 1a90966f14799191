using System.Collections.Concurrent;
using Microsoft.Extensions.Options;
using YueService.Jobs;
using YueService.Jobs.Shared;
using YueService.Settings;

namespace YueService.Api.Access;

/// <summary>The ended sessions of all processes, which are in the database. A process sees the end of a session within two seconds, or
/// immediately if it ended the session itself.</summary>
internal sealed partial class SharedSessions(
    PostgresCallers callers, SharedSettings settings, IOptions<AccessOptions> access, ILogger<SharedSessions> logger)
    : BackgroundService, IEndedSessions
{
    private readonly ConcurrentDictionary<string, bool> _own = new(StringComparer.Ordinal);
    private volatile IReadOnlySet<string>? _all;
    private bool _isUnreadable;

    /// <remarks>No session is accepted before the first read. While the database is unavailable, the last known list is used.</remarks>
    public bool Contains(string id) => _all is not { } all || all.Contains(id) || _own.ContainsKey(id);

    public async Task AddAsync(string id, long expiry)
    {
        _own[id] = true;
        await callers.EndSessionAsync(id, DateTimeOffset.FromUnixTimeSeconds(expiry), CancellationToken.None);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!settings.IsShared || !settings.TakesJobs || access.Value.Keys().Count == 0)
        {
            return;
        }

        try
        {
            using var timer = new PeriodicTimer(SharedSettings.PollInterval);
            do
            {
                await RefreshAsync(stoppingToken);
            }
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The process is stopping.
        }
    }

    private async Task RefreshAsync(CancellationToken cancel)
    {
        try
        {
            _all = await callers.EndedSessionsAsync(cancel);
            _isUnreadable = false;
        }
        catch (StorageException e)
        {
            if (!_isUnreadable)
            {
                _isUnreadable = true;
                LogUnreadable(e.Message);
            }
        }
    }

    [LoggerMessage(LogLevel.Warning, "The sessions that other processes ended cannot be read: {Reason}")]
    private partial void LogUnreadable(string reason);
}
