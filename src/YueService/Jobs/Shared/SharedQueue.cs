using Yue.Engine.Scheduling;

namespace YueService.Jobs.Shared;

/// <summary>The waiting jobs in the database. A worker claims one at a time, when the engine has room for it.</summary>
internal sealed partial class SharedQueue : IJobQueue, IDisposable
{
    private readonly PostgresQueue _queue;
    private readonly SharedSettings _settings;
    private readonly ISongEngine _engine;
    private readonly IStreamEncoder _streams;
    private readonly SharedNotices _notices;
    private readonly JobSignals _signals;
    private readonly TimeProvider _clock;
    private readonly ILogger<SharedQueue> _logger;
    private readonly SemaphoreSlim _hint = new(1, 1);

    public SharedQueue(
        PostgresQueue queue, SharedSettings settings, ISongEngine engine, IStreamEncoder streams, SharedNotices notices,
        JobSignals signals, TimeProvider clock, ILogger<SharedQueue> logger)
    {
        (_queue, _settings, _engine, _streams) = (queue, settings, engine, streams);
        (_notices, _signals, _clock, _logger) = (notices, signals, clock, logger);
        _notices.Noticed += Notice;
    }

    public bool IsShared => true;

    /// <remarks>Waits for a notification, or for the polling interval in case one was lost.</remarks>
    public async Task WhenWaitingAsync(CancellationToken cancel) => await _hint.WaitAsync(SharedSettings.PollInterval, cancel);

    public async Task<Job?> ClaimAsync(CancellationToken cancel)
    {
        try
        {
            await _signals.WhenOpenAsync(cancel);
            var models = _engine.Own()!.Status.SongModels.Select(model => model.Name).ToList();
            if (await _queue.ClaimAsync(_settings.ProcessId, models, _settings.Lease, cancel) is not { } job)
            {
                return null;
            }

            // There may be another job.
            Hint();
            return Job.Kept(job, job.Request, _streams, _clock.GetUtcNow(), isShared: true);
        }
        catch (StorageException e)
        {
            LogUnclaimed(e.Message);
            await Task.Delay(SharedSettings.PollInterval, cancel);
            return null;
        }
    }

    /// <remarks>Every job of this queue in this process is claimed, so only the engine can end it.</remarks>
    public bool TryWithdraw(Job job) => false;

    public void Remove(Job job)
    {
    }

    public void Dispose()
    {
        _notices.Noticed -= Notice;
        _hint.Dispose();
    }

    private void Notice(string notice)
    {
        if (notice is "" or "queued")
        {
            Hint();
        }
    }

    private void Hint()
    {
        try
        {
            _hint.Release();
        }
        catch (Exception e) when (e is SemaphoreFullException or ObjectDisposedException)
        {
            // A check is already pending, or the process is stopping.
        }
    }

    [LoggerMessage(LogLevel.Warning, "No job can be claimed: {Reason}")]
    private partial void LogUnclaimed(string reason);
}
