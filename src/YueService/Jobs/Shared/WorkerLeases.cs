namespace YueService.Jobs.Shared;

/// <summary>Keeps a worker's claims, passes cancellation on to its songs, and reports their progress.</summary>
/// <remarks>
/// A worker that does not reach the database cannot tell an outage from being cut off. It goes on with its songs until the database says
/// that they are another's, or the outage has lasted too long. Nothing that it stores after that applies.
/// </remarks>
internal sealed partial class WorkerLeases : BackgroundService
{
    private static readonly TimeSpan ReportInterval = TimeSpan.FromMilliseconds(200);

    private readonly PostgresQueue _queue;
    private readonly SharedSettings _settings;
    private readonly JobWorker _worker;
    private readonly SharedNotices _notices;
    private readonly TimeProvider _clock;
    private readonly ILogger<WorkerLeases> _logger;
    private readonly SemaphoreSlim _renew = new(0, 1);
    private readonly Dictionary<string, Reported> _reported = new(StringComparer.Ordinal);
    private long _renewedAt;

    public WorkerLeases(
        PostgresQueue queue, SharedSettings settings, JobWorker worker, SharedNotices notices, TimeProvider clock,
        ILogger<WorkerLeases> logger)
    {
        (_queue, _settings, _worker, _notices, _clock, _logger) = (queue, settings, worker, notices, clock, logger);
        _renewedAt = clock.GetTimestamp();
    }

    public override void Dispose()
    {
        base.Dispose();
        _renew.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!_settings.IsShared || !_settings.MakesSongs)
        {
            return;
        }

        _notices.Noticed += Notice;
        try
        {
            await Task.WhenAll(RenewAsync(stoppingToken), ReportAsync(stoppingToken));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The process ends. Its songs have ended before.
        }
        finally
        {
            _notices.Noticed -= Notice;
        }
    }

    private void Notice(string notice)
    {
        const string Changed = "changed ";
        if (notice.StartsWith(Changed, StringComparison.Ordinal) && _worker.Find(notice[Changed.Length..]) is not null)
        {
            try
            {
                _renew.Release();
            }
            catch (SemaphoreFullException)
            {
                // It is said already.
            }
        }
    }

    private async Task RenewAsync(CancellationToken cancel)
    {
        while (true)
        {
            await _renew.WaitAsync(_settings.RenewInterval, cancel);
            var jobs = _worker.Unfinished;
            if (jobs.Count == 0)
            {
                _renewedAt = _clock.GetTimestamp();
                continue;
            }

            try
            {
                var left = await _queue.RenewAsync([.. jobs.Select(job => job.Stored!)], _settings.Lease, cancel);
                _renewedAt = _clock.GetTimestamp();
                foreach (var job in jobs)
                {
                    Heed(job, left.TryGetValue(job.Id, out var isCancelling) ? isCancelling : null);
                }
            }
            catch (StorageException e)
            {
                var silence = _clock.GetElapsedTime(_renewedAt);
                LogUnrenewed(e.Message, jobs.Count, silence.TotalSeconds);
                if (silence > _settings.Outage)
                {
                    foreach (var job in jobs)
                    {
                        job.Abandon();
                    }
                }
            }
        }
    }

    /// <summary>Does what the database says about a job.</summary>
    /// <param name="job">The job.</param>
    /// <param name="isCancelling">Whether somebody wants its end; null if it is not this worker's any more.</param>
    private void Heed(Job job, bool? isCancelling)
    {
        if (isCancelling == true)
        {
            job.Cancel();
        }
        else if (isCancelling is null && !job.Song.IsCompleted)
        {
            LogFenced(job.Id);
            job.Abandon();
        }
    }

    private async Task ReportAsync(CancellationToken cancel)
    {
        using var timer = new PeriodicTimer(ReportInterval, _clock);
        while (await timer.WaitForNextTickAsync(cancel))
        {
            var jobs = _worker.Unfinished;
            foreach (var ended in _reported.Keys.Except(jobs.Select(job => job.Id)).ToList())
            {
                _reported.Remove(ended);
            }

            try
            {
                await ReportAsync(jobs, cancel);
            }
            catch (StorageException)
            {
                // The renewal says so. What is new is reported when the database is back.
            }
        }
    }

    private async Task ReportAsync(IReadOnlyList<Job> jobs, CancellationToken cancel)
    {
        var news = new List<JobNews>();
        foreach (var job in jobs)
        {
            var before = _reported.GetValueOrDefault(job.Id, new(0, 0, null));
            var latest = job.Feed.Latest;
            var marks = job.Feed.Marks;
            if (marks.Count != before.Marks)
            {
                var all = marks.Select(mark => new JobNews(job.Id, mark.Number, mark.State, mark.Progress, AudibleOf(job))).ToArray();
                await _queue.MarkAsync(job.Stored!, JobRows.ToJson(all), cancel);
            }

            if (latest.Number != before.Number && latest.State is JobState.Queued or JobState.Running)
            {
                news.Add(new(job.Id, latest.Number, latest.State, latest.Progress, AudibleOf(job)));
            }

            if (job.Feed.DelayReason is { } reason && reason != before.Delay)
            {
                await _queue.DelayAsync(job.Stored!, reason, cancel);
            }

            _reported[job.Id] = new(latest.Number, marks.Count, job.Feed.DelayReason);
        }

        foreach (var notice in JobNews.Pack(news))
        {
            await _queue.NotifyAsync(notice, cancel);
        }
    }

    private static double AudibleOf(Job job) => job.Sound?.AudibleSeconds ?? 0;

    /// <summary>The last report of a job.</summary>
    private sealed record Reported(long Number, int Marks, string? Delay);

    [LoggerMessage(LogLevel.Warning, "The claims of {Count} songs are not renewed for {Seconds:F0} s: {Reason}")]
    private partial void LogUnrenewed(string reason, int count, double seconds);

    [LoggerMessage(LogLevel.Warning, "Job {JobId} is not this worker's any more, and its song ends")]
    private partial void LogFenced(string jobId);
}
