using System.Collections.Concurrent;
using Microsoft.Extensions.Options;
using YueService.Settings;

namespace YueService.Jobs.Shared;

/// <summary>The unfinished jobs of all processes as callers of this process see them, with the updates that their workers report.</summary>
/// <remarks>
/// The rows are authoritative. Changed rows are read after each notification of a change, and once per second. Progress between two changes
/// of stage or section is sent only in notifications.
/// </remarks>
internal sealed partial class JobMirrors : BackgroundService, IJobBoard
{
    // Positions change with every claim. If many jobs are waiting, the positions are updated less often.
    private const int FewJobs = 200;
    private static readonly TimeSpan PositionsInterval = TimeSpan.FromSeconds(1);

    // Notifications come in bursts, and one query handles all of them.
    private static readonly TimeSpan RefreshPause = TimeSpan.FromMilliseconds(20);

    private readonly PostgresQueue _queue;
    private readonly IJobLog _log;
    private readonly SharedSettings _settings;
    private readonly SharedProcesses _processes;
    private readonly SharedNotices _notices;
    private readonly MirrorSongs _songs;
    private readonly IStreamEncoder _streams;
    private readonly JobEvents _events;
    private readonly JobEstimate _estimate;
    private readonly IOptions<JobOptions> _options;
    private readonly TimeProvider _clock;
    private readonly ILogger<JobMirrors> _logger;
    private readonly ConcurrentDictionary<string, Mirror> _mirrors = new(StringComparer.Ordinal);

    // Rows that were read before their jobs were added. The callers of these jobs wait in this process.
    private readonly Dictionary<string, SharedJob> _early = new(StringComparer.Ordinal);
    private readonly Lock _adding = new();
    private readonly JobSignals _signals;
    private readonly Lock _reading = new();
    private Task _read = Task.CompletedTask;
    private Task? _nextRead;
    private readonly SemaphoreSlim _hint = new(0, 1);
    private string? _changesFrom;
    private long _positionsAt;
    private int _depth;
    private volatile IReadOnlyList<Job> _waiting = [];

    public JobMirrors(
        PostgresQueue queue, IJobLog log, SharedSettings settings, SharedProcesses processes, SharedNotices notices,
        MirrorSongs songs, IStreamEncoder streams, JobEvents events, JobEstimate estimate, JobSignals signals, IOptions<JobOptions> options,
        TimeProvider clock, ILogger<JobMirrors> logger)
    {
        (_queue, _log, _settings, _processes, _notices) = (queue, log, settings, processes, notices);
        (_songs, _streams) = (songs, streams);
        _estimate = estimate;
        (_events, _signals, _options, _clock, _logger) = (events, signals, options, clock, logger);
    }

    public int Depth => Volatile.Read(ref _depth);

    /// <summary>The number of jobs that workers have claimed.</summary>
    public int RunningCount => _mirrors.Values.Count(mirror => !mirror.Waits);

    /// <summary>The time since the oldest waiting job was accepted; zero if none is waiting.</summary>
    public TimeSpan OldestWait
    {
        get
        {
            var waiting = _mirrors.Values.Where(mirror => mirror.Waits);
            var oldest = waiting.Select(mirror => mirror.Job.Stored!.CreatedAt).DefaultIfEmpty().Min();
            return oldest == default ? TimeSpan.Zero : _clock.GetUtcNow() - oldest;
        }
    }

    public int Capacity => _options.Value.QueueCapacity;

    public bool IsFull => Depth >= Capacity;

    public IReadOnlyList<Job> Unfinished =>
        [.. _mirrors.Values.Select(mirror => mirror.Job).Where(job => job.Stored!.Caller is null).OrderBy(job => job.Stored!.Number)];

    public IReadOnlyList<Job> Before(Job? job) =>
        job is { Position: > 0 and var place } ? [.. _waiting.Take(place - 1)] : _waiting;

    public Job? Find(string id) => _mirrors.TryGetValue(id, out var mirror) && mirror.Job.Stored!.Caller is null ? mirror.Job : null;

    /// <remarks>The database makes the final decision when the jobs are added.</remarks>
    public IntakeOutcome Reserve(int slots, string? owner) =>
        Depth + slots > Capacity ? IntakeOutcome.QueueFull
        : _mirrors.Values.Count(mirror => mirror.Waits && mirror.Job.Owner == owner) + slots > _options.Value.CapacityOf(owner)
            ? IntakeOutcome.OwnerQueueFull
        : IntakeOutcome.Accepted;

    public void Release(int slots, string? owner)
    {
    }

    public async Task TakeAsync(Job job, CancellationToken cancel)
    {
        Add(job);

        // The job's position is known after this.
        await RefreshAsync(cancel);
    }

    public async Task RefreshAsync(CancellationToken cancel)
    {
        try
        {
            await ReadChangesAsync().WaitAsync(cancel);
        }
        catch (StorageException)
        {
            // The changes are read later.
        }
    }

    public void Restore(IReadOnlyCollection<Job> jobs) => throw new NotSupportedException("The jobs of other processes are not restored.");

    public override void Dispose()
    {
        base.Dispose();
        _hint.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!_settings.IsShared || !_settings.TakesJobs)
        {
            return;
        }

        _notices.Noticed += Notice;
        string? logged = null;
        try
        {
            while (true)
            {
                try
                {
                    await _signals.WhenOpenAsync(stoppingToken);
                    await ReadChangesAsync().WaitAsync(stoppingToken);
                    logged = null;
                }
                catch (StorageException e)
                {
                    if (logged != e.Message)
                    {
                        LogUnreadable(e.Message);
                        logged = e.Message;
                    }
                }

                await Task.Delay(RefreshPause, stoppingToken);
                await _hint.WaitAsync(SharedSettings.PollInterval, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The process is stopping; other processes continue the jobs.
        }
        finally
        {
            _notices.Noticed -= Notice;
        }
    }

    private void Notice(string notice)
    {
        if (JobNews.Unpack(notice) is { Count: > 0 } news)
        {
            foreach (var item in news)
            {
                if (_mirrors.TryGetValue(item.Id, out var mirror) && !mirror.Waits)
                {
                    Adopt(mirror.Job, [item]);
                }
            }

            return;
        }

        var (kind, id) = notice.Split(' ', 2) is [var first, var rest] ? (first, rest) : (notice, "");
        switch (kind)
        {
            case "removed":
                _mirrors.TryRemove(id, out _);
                _events.Removed(id);
                break;
            case "sound":
                _songs.Hint(id);
                break;
            case "edited":
                Hint();
                _ = PublishEditAsync(id);
                break;
            case "queued" or "changed" or "":
                Hint();
                break;
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

    /// <summary>Reads what has changed. A read starts when the previous one has ended, and serves every caller that is waiting at
    /// that time.</summary>
    private Task ReadChangesAsync()
    {
        lock (_reading)
        {
            return _nextRead ??= ReadChangesAsync(after: _read);
        }
    }

    private async Task ReadChangesAsync(Task after)
    {
        await after.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ForceYielding);
        lock (_reading)
        {
            (_read, _nextRead) = (_nextRead!, null);
        }

        var (jobs, next) = await _queue.ChangesAsync(_changesFrom, CancellationToken.None);
        _changesFrom = next;
        lock (_adding)
        {
            foreach (var row in jobs)
            {
                Apply(row);
            }
        }

        UpdatePositions();
    }

    private void Apply(SharedJob row)
    {
        var isOurs = row.Job.Caller is null || row.Job.Caller == _settings.ProcessId;
        if (!_mirrors.TryGetValue(row.Job.Id, out var mirror))
        {
            if (row.Job.Caller == _settings.ProcessId)
            {
                _early[row.Job.Id] = row;
                return;
            }

            if (row.Job.IsFinished)
            {
                return;
            }

            var encoder = isOurs ? _streams : null;
            AddNew(Job.Kept(row.Job, row.Job.Request, encoder, _clock.GetUtcNow(), isShared: true), row.Turn);
            mirror = _mirrors[row.Job.Id];
        }

        if (row.Job.IsFinished)
        {
            _mirrors.TryRemove(row.Job.Id, out _);
            _estimate.End(mirror.Job);
            _ = isOurs ? _songs.EndAsync(mirror.Job, row.Job) : Task.CompletedTask;
            return;
        }

        mirror.Model = row.Model;
        (mirror.Turn, mirror.Number, mirror.Waits) = (row.Turn, row.Job.Number, row.Job.State == JobState.Queued && !row.IsClaimed);
        var first = JobFeed.FirstOf(row.Job.Attempt);
        var marks = row.Marks is { } json ? JobNews.Parse(json) : [];
        Adopt(mirror.Job, marks.Where(mark => mark.Number >= first));
        if (row.Job.State == JobState.Running)
        {
            mirror.Job.NoteRunning(row.RunningFor);
            _estimate.Begin(mirror.Job);
            mirror.Job.Feed.Adopt(new(first + 1, JobState.Running, mirror.Job.Feed.Latest.Progress, null));
        }
        else if (mirror.Waits && mirror.Job.Feed.Latest.State == JobState.Running)
        {
            _estimate.End(mirror.Job);
            mirror.Job.Feed.Requeue();
            _songs.Restart(mirror.Job, _streams);
        }

        if (row.Delay is { } reason)
        {
            mirror.Job.Feed.Delay(reason);
        }
    }

    private static void Adopt(Job job, IEnumerable<JobNews> news)
    {
        foreach (var item in news)
        {
            job.Sound?.NoteAudible(item.AudibleSeconds);
            job.Feed.Adopt(new(item.Number, item.State, item.Progress, null));
        }
    }

    /// <summary>Adds a job that has just been stored, unless it was already added when its row was read.</summary>
    private void Add(Job job)
    {
        lock (_adding)
        {
            if (_mirrors.ContainsKey(job.Id))
            {
                job.Dispose();
                return;
            }

            AddNew(job, turn: long.MaxValue);
            if (_early.Remove(job.Id, out var row))
            {
                Apply(row);
            }
        }
    }

    private void AddNew(Job job, long turn)
    {
        _mirrors[job.Id] = new(job) { Turn = turn, Number = job.Stored!.Number, Waits = job.Stored.State == JobState.Queued };

        if (job.Stored.Caller is null)
        {
            _events.Follow(job);
        }

        _ = job.Cancelled.UnsafeRegister(_ => _ = CancelAsync(job.Id), null);
        _songs.Follow(job);
    }

    /// <summary>Publishes an edit to a job. Reads the job from the log, because a finished job has no mirror.</summary>
    private async Task PublishEditAsync(string id)
    {
        try
        {
            if (await _log.FindAsync(id, CancellationToken.None) is { Caller: null } job)
            {
                _events.Edited(job);
            }
        }
        catch (StorageException e)
        {
            LogUnreadable(e.Message);
        }
    }

    private async Task CancelAsync(string id)
    {
        try
        {
            await _queue.RequestCancelAsync(id, CancellationToken.None);
            Hint();
        }
        catch (StorageException e)
        {
            // If a caller is waiting for the job, the job is cancelled when that caller's process stops sending heartbeats. Other
            // callers can try again.
            LogUncancelled(e.Message, id);
        }
    }

    private void UpdatePositions()
    {
        var waiting = _mirrors.Values.Where(mirror => mirror.Waits).ToList();
        Volatile.Write(ref _depth, waiting.Count);
        if (waiting.Count > FewJobs && _clock.GetElapsedTime(_positionsAt) < PositionsInterval)
        {
            return;
        }

        _positionsAt = _clock.GetTimestamp();
        var models = _processes.Models;
        var order = waiting.OrderBy(mirror => mirror.Turn).ThenBy(mirror => mirror.Number).ToList();
        _waiting = [.. order.Select(mirror => mirror.Job)];
        foreach (var (place, mirror) in order.Index())
        {
            SetPosition(mirror.Job, place + 1);
            mirror.Job.WaitReason = WaitReasonOf(mirror.Model, models);
        }

        foreach (var mirror in _mirrors.Values.Where(mirror => !mirror.Waits))
        {
            SetPosition(mirror.Job, 0);
            mirror.Job.WaitReason = null;
        }
    }

    private static string? WaitReasonOf(string? model, IReadOnlySet<string> models) =>
        (model is null ? models.Count > 0 : models.Contains(model)) ? null
        : model is null ? "No worker is running now."
        : $"No worker with model {model} is running now.";

    private static void SetPosition(Job job, int position)
    {
        if (job.Position != position)
        {
            job.Position = position;
        }
    }

    [LoggerMessage(LogLevel.Warning, "The jobs of other processes cannot be read: {Reason}")]
    private partial void LogUnreadable(string reason);

    [LoggerMessage(LogLevel.Warning, "Job {JobId} could not be cancelled: {Reason}")]
    private partial void LogUncancelled(string reason, string jobId);

    /// <summary>A job and the values that determine its position and the reason why it waits.</summary>
    private sealed class Mirror(Job job)
    {
        public Job Job => job;

        public long Turn { get; set; }

        public long Number { get; set; }

        public bool Waits { get; set; }

        public string? Model { get; set; }
    }
}
