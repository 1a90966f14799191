namespace YueService.Jobs.Shared;

/// <summary>Renews a worker's claims, forwards cancellation to its songs, and reports their progress.</summary>
/// <remarks>
/// A worker that cannot reach the database does not know whether other workers can. It continues its songs until it learns that
/// they were taken from it, or until the outage has lasted too long. Anything that it stores for a song that was taken is ignored.
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
            // The process is stopping. Its songs have already ended.
        }
        finally
        {
            _notices.Noticed -= Notice;
        }
    }

    private void Notice(string notice)
    {
        const string Stop = "stop ";
        if (notice.Length == 0 || (notice.StartsWith(Stop, StringComparison.Ordinal) && _worker.Find(notice[Stop.Length..]) is not null))
        {
            try
            {
                _renew.Release();
            }
            catch (SemaphoreFullException)
            {
                // A renewal is already pending.
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
                    Apply(job, left.TryGetValue(job.Id, out var isCancelling) ? isCancelling : null);
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

    /// <summary>Applies the state that the database has for a job.</summary>
    /// <param name="job">The job.</param>
    /// <param name="isCancelling">True if its cancellation was requested; null if the job no longer belongs to this worker.</param>
    private void Apply(Job job, bool? isCancelling)
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
                // The renewal logs the error. New progress is reported when the database is back.
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

    /// <summary>The last reported progress of a job.</summary>
    private sealed record Reported(long Number, int Marks, string? Delay);

    [LoggerMessage(LogLevel.Warning, "The claims of {Count} song(s) have not been renewed for {Seconds:F0} s: {Reason}")]
    private partial void LogUnrenewed(string reason, int count, double seconds);

    [LoggerMessage(LogLevel.Warning, "Job {JobId} no longer belongs to this worker, so its song is cancelled")]
    private partial void LogFenced(string jobId);
}
