using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Npgsql;
using Xunit;
using Yue.Engine.Songs;
using Yue.Testing;
using YueService.Jobs;
using YueService.Jobs.Shared;
using YueService.Settings;

namespace YueService.Tests.Machines;

/// <summary>Tests the queue in the database: claims, leases, cancellation, changes, heartbeats, rate limits and notifications.</summary>
public sealed class PostgresQueueTests(SharedPostgres postgres) : IAsyncLifetime
{
    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(1);
    private static readonly Fault Interrupted = new(FaultKind.SongFailed, "twice");

    private string _settings = "";
    private PostgresDatabase _database = null!;
    private PostgresJobLog _log = null!;
    private PostgresQueue _queue = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _settings = await (await postgres.Server).NewDatabaseAsync();
        _database = new(_settings, TimeProvider.System);
        _log = new(
            _database,
            new SharedSettings(ServiceRole.Both, Options.Create(new StoreOptions())),
            Options.Create(new JobOptions { QueueCapacity = 10_000 }),
            Options.Create(new AccessOptions()),
            NullLogger<PostgresJobLog>.Instance);
        _queue = new(_database);
        await _log.OpenAsync(Cancel);
    }

    public ValueTask DisposeAsync()
    {
        _database?.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task Many_workers_claim_each_job_once()
    {
        await AddAsync([.. Enumerable.Range(0, 200).Select(i => $"job{i}")]);
        var claimed = await Task.WhenAll(Enumerable.Range(0, 4).Select(worker => Task.Run(
            async () =>
            {
                var own = new List<StoredJob>();
                while (await ClaimAsync($"worker{worker}") is { } job)
                {
                    own.Add(job);
                }

                return own;
            },
            Cancel)));
        Assert.Equal(200, claimed.SelectMany(own => own).Select(job => job.Id).Distinct().Count());
        Assert.Equal(200, claimed.Sum(own => own.Count));
        Assert.All(claimed.SelectMany(own => own), job => Assert.Equal((JobState.Queued, 1), (job.State, job.Attempt)));
    }

    [Fact]
    public async Task A_worker_that_stalls_in_a_transaction_loses_its_locks()
    {
        await AddAsync(["a"]);
        await ClaimAsync(lease: TimeSpan.Zero);
        var entered = new TaskCompletionSource();
        var resume = new TaskCompletionSource();
        var stopped = _database.TransactAsync(
            async connection =>
            {
                await using var update = new NpgsqlCommand("UPDATE jobs SET marks = marks", connection);
                await update.ExecuteNonQueryAsync(Cancel);
                entered.SetResult();
                await resume.Task;
                return true;
            },
            Cancel);
        await entered.Task.InTime();
        await Eventually.TrueAsync(async () => await _queue.ReapAsync(Interrupted, Cancel) is [("a", "queued")]);
        resume.SetResult();
        await Assert.ThrowsAsync<StorageException>(() => stopped);
    }

    [Fact]
    public async Task Jobs_of_different_owners_take_turns_and_each_owners_jobs_stay_in_order()
    {
        await AddAsync(["a1", "a2", "a3", "a4"], owner: "a");
        await AddAsync(["b1", "b2"], owner: "b");
        Assert.Equal("a1", (await ClaimAsync())!.Id);
        await AddAsync(["c1"], owner: "c");
        var order = new List<string>();
        while (await ClaimAsync() is { } job)
        {
            order.Add(job.Id);
        }

        Assert.Equal(["a2", "a3", "a4"], order.Where(id => id[0] == 'a'));
        Assert.Equal(["b1", "b2"], order.Where(id => id[0] == 'b'));
        Assert.True(order.IndexOf("b1") < order.IndexOf("a3"), string.Join(' ', order));
        Assert.True(order.IndexOf("c1") < order.IndexOf("a3"), string.Join(' ', order));
        Assert.True(order.IndexOf("b2") < order.IndexOf("a4"), string.Join(' ', order));
    }

    [Fact]
    public async Task A_job_is_claimed_only_by_a_worker_that_has_its_model()
    {
        await AddAsync(["zh"], model: "zh-cot");
        await AddAsync(["any"]);
        Assert.Equal("any", (await ClaimAsync(models: "en-cot"))!.Id);
        Assert.Null(await ClaimAsync(models: "en-cot"));
        Assert.Equal("zh", (await ClaimAsync(models: "zh-cot"))!.Id);
    }

    [Fact]
    public async Task A_job_that_no_worker_can_run_does_not_move_later_owners_ahead()
    {
        await AddAsync(["stuck"], owner: "a", model: "zh-cot");
        await AddAsync(["a1", "a2", "a3"], owner: "a");
        Assert.Equal("a1", (await ClaimAsync())!.Id);
        await AddAsync(["b1"], owner: "b");
        Assert.Equal("a2", (await ClaimAsync())!.Id);
        Assert.Equal("b1", (await ClaimAsync())!.Id);
    }

    [Fact]
    public async Task A_claim_that_is_not_renewed_expires_and_its_worker_stores_nothing()
    {
        await AddAsync(["a"]);
        var job = (await ClaimAsync())!;
        await _log.SetRunningAsync(job, Cancel);
        Assert.Empty(await _queue.ReapAsync(Interrupted, Cancel));
        await ExpireAsync();
        Assert.Equal([("a", "queued")], await _queue.ReapAsync(Interrupted, Cancel));
        Assert.Empty(await _queue.RenewAsync([job], Lease, Cancel));
        Assert.False(await _log.CancelAsync(job, Cancel));
        Assert.False(await _log.RequeueAsync(job, interrupted: true, Cancel));
        Assert.Equal(1, (await _log.FindAsync("a", Cancel))!.Interruptions);

        var again = (await ClaimAsync())!;
        Assert.Equal(3, again.Attempt);     // the two claims and the expiry each add one
        await _log.SetRunningAsync(again, Cancel);
        await ExpireAsync();
        Assert.Equal([("a", "failed")], await _queue.ReapAsync(Interrupted, Cancel));
        Assert.Equal("twice", (await _log.FindAsync("a", Cancel))!.Fault!.Detail);
    }

    [Fact]
    public async Task A_claim_that_expires_before_the_song_starts_is_not_an_interruption()
    {
        await AddAsync(["a"]);
        await ClaimAsync();
        await ExpireAsync();
        Assert.Equal([("a", "queued")], await _queue.ReapAsync(Interrupted, Cancel));
        Assert.Equal(0, (await _log.FindAsync("a", Cancel))!.Interruptions);
    }

    [Fact]
    public async Task A_waiting_job_is_cancelled_immediately_and_a_running_one_by_its_worker()
    {
        await AddAsync(["claimed", "waiting"]);
        var job = (await ClaimAsync())!;
        Assert.Equal("claimed", job.Id);
        await _queue.RequestCancelAsync("waiting", Cancel);
        Assert.Equal(JobState.Cancelled, (await _log.FindAsync("waiting", Cancel))!.State);
        Assert.False((await _queue.RenewAsync([job], Lease, Cancel))["claimed"]);
        await _queue.RequestCancelAsync("claimed", Cancel);
        Assert.True((await _queue.RenewAsync([job], Lease, Cancel))["claimed"]);
        await ExpireAsync();
        Assert.Equal([("claimed", "cancelled")], await _queue.ReapAsync(Interrupted, Cancel));
    }

    [Fact]
    public async Task Every_change_is_found_regardless_of_the_order_of_commits()
    {
        await AddAsync(["a", "b"]);
        var (_, next) = await _queue.ChangesAsync(null, Cancel);
        await using var slow = new Npgsql.NpgsqlConnection(_settings);
        await slow.OpenAsync(Cancel);
        await using var open = await slow.BeginTransactionAsync(Cancel);
        await using var update = new Npgsql.NpgsqlCommand("UPDATE jobs SET delay = 'late' WHERE id = 'a'", slow);
        await update.ExecuteNonQueryAsync(Cancel);
        await _queue.RequestCancelAsync("b", Cancel);
        var seen = new List<SharedJob>();
        for (var i = 0; i < 3; i++)
        {
            var (jobs, later) = await _queue.ChangesAsync(next, Cancel);
            seen.AddRange(jobs);
            next = later;
        }

        Assert.Contains(seen, row => row.Job is { Id: "b", State: JobState.Cancelled });
        await open.CommitAsync(Cancel);
        var (afterwards, _) = await _queue.ChangesAsync(next, Cancel);
        Assert.Contains(afterwards, row => row is { Job.Id: "a", Delay: "late" });
    }

    [Fact]
    public async Task Jobs_end_and_are_removed_if_the_process_serving_their_caller_died()
    {
        await AddAsync(["claimed", "waiting"], caller: "gone");
        Assert.Equal("claimed", (await ClaimAsync())!.Id);
        Assert.Empty(await _log.ListAsync(new JobQuery(10), Cancel));
        Assert.Equal(["waiting"], (await _queue.CancelLeftAsync(Lease, Cancel)).Select(job => job.Id));
        await ExpireAsync();
        await _queue.ReapAsync(Interrupted, Cancel);
        Assert.Equal(["claimed"], (await _queue.CancelLeftAsync(Lease, Cancel)).Select(job => job.Id));
    }

    [Fact]
    public async Task Processes_that_send_heartbeats_are_listed()
    {
        ProcessHeartbeat beat = new("id", "name", true, false, new([new("en-cot", "yue1")], 2, 1, 3.5, "cpu", false));
        await _queue.BeatAsync(beat, Lease, Cancel);
        var live = Assert.Single(await _queue.LiveAsync(Lease, Cancel));
        Assert.Equal((2, 3.5, "en-cot"), (live.About.Slots, live.About.SongSeconds, live.About.Models[0].Name));

        // A newer release may report something else.
        await PostgresServer.ExecuteAsync(_settings, "UPDATE processes SET about = '{}'");
        Assert.Empty(Assert.Single(await _queue.LiveAsync(Lease, Cancel)).About.Models);
        await _queue.LeaveAsync("id", Cancel);
        Assert.Empty(await _queue.LiveAsync(Lease, Cancel));
    }

    [Fact]
    public async Task A_model_stays_known_for_a_month_after_its_worker_has_stopped()
    {
        await _queue.AnnounceAsync([new("zh-cot", "yue1"), new("en-cot", "yue1")], Cancel);
        await _queue.AnnounceAsync([new("en-cot", "yue2")], Cancel);
        Assert.Equal([new("en-cot", "yue2"), new("zh-cot", "yue1")], await _queue.ModelsAsync(Cancel));
        await PostgresServer.ExecuteAsync(_settings, "UPDATE models SET seen = now() - interval '31 days' WHERE name = 'zh-cot'");
        await _queue.AnnounceAsync([new("en-cot", "yue2")], Cancel);
        Assert.Equal([new("en-cot", "yue2")], await _queue.ModelsAsync(Cancel));
    }

    [Fact]
    public async Task Concurrent_requests_do_not_exceed_the_songs_per_minute_limit()
    {
        using var signals = new JobSignals();
        signals.SetOpenResult(null);
        var callers = new PostgresCallers(_database, signals);
        var waits = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => callers.TakeSongsAsync("one", 2, limit: 10, Cancel)));
        Assert.Equal(5, waits.Count(wait => wait is null));
        Assert.All(waits.OfType<TimeSpan>(), wait => Assert.InRange(wait.TotalSeconds, 1, 60));
        Assert.Null(await callers.TakeSongsAsync("two", 10, limit: 10, Cancel));

        await PostgresServer.ExecuteAsync(_settings, "UPDATE song_rates SET began = began - interval '61 s' WHERE caller = 'one'");
        Assert.Null(await callers.TakeSongsAsync("one", 10, limit: 10, Cancel));
        await callers.ForgetAsync(Cancel);
        Assert.NotNull(await callers.TakeSongsAsync("one", 1, limit: 10, Cancel));
    }

    [Fact]
    public async Task Notifications_arrive_and_match_the_changes()
    {
        var notices = System.Threading.Channels.Channel.CreateUnbounded<string>();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var listening = _database.ListenAsync(
            () => notices.Writer.TryWrite("listening"), notice => notices.Writer.TryWrite(notice), stop.Token);
        Assert.Equal("listening", await NextAsync());
        await AddAsync(["a"]);
        Assert.Equal("queued", await NextAsync());
        var progress = new SongProgress(SongStage.Stage1, 1, 40, 10, 100, 0.1)
        {
            Starts = [.. Enumerable.Range(0, 40).Select(i => new SectionPlace("verse", i * 10.123456))],
        };
        var news = Enumerable.Range(0, 16).Select(i => new JobNews(NewJob.NewId(), i, JobState.Running, progress, 1.5)).ToList();
        foreach (var notice in JobNews.Pack(news))
        {
            await _queue.NotifyAsync(notice, Cancel);
        }

        var arrived = new List<JobNews>();
        while (arrived.Count < news.Count)
        {
            arrived.AddRange(JobNews.Unpack(await NextAsync()));
        }

        Assert.Equal(news.Select(item => item.Id), arrived.Select(item => item.Id));
        Assert.Equal(40, arrived[15].Progress!.Starts.Count);
        Assert.Empty(JobNews.Unpack("""progress [{"id":"a","format":"of a newer release"}]"""));
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => listening);

        Task<string> NextAsync() => notices.Reader.ReadAsync(Cancel).AsTask().InTime();
    }

    private async Task AddAsync(string[] ids, string? owner = null, string? model = null, string? caller = null)
    {
        foreach (var id in ids)
        {
            var request = new JobRequest(new SongRequest { Lyrics = "la", Model = model }, null, null, []);
            var added = await _log.AddAsync([new(id, request, null, null) { Owner = owner, Caller = caller }], null, Cancel);
            Assert.Equal(IntakeOutcome.Accepted, added.Outcome);
        }
    }

    private Task<StoredJob?> ClaimAsync(string worker = "worker", string models = "en-cot", TimeSpan? lease = null) =>
        _queue.ClaimAsync(worker, models.Split(','), lease ?? Lease, Cancel);

    private Task ExpireAsync() =>
        PostgresServer.ExecuteAsync(_settings, "UPDATE jobs SET lease_until = now() - interval '1 s' WHERE lease_until IS NOT NULL");
}
