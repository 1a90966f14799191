using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Npgsql;
using Xunit;
using Yue.Engine.Songs;
using Yue.Testing;
using YueService.Jobs;
using YueService.Jobs.Shared;
using YueService.Settings;
using YueService.Tests.Fakes;

namespace YueService.Tests.Machines;

/// <summary>Tests processes of two releases that share a database, as during a rolling upgrade.</summary>
public sealed class RollingUpgradeTests(SharedPostgres postgres) : IAsyncLifetime
{
    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(1);
    private static readonly (string One, string Two) Keys = (ApiKeyName.Of("one"), ApiKeyName.Of("two"));

    private string _settings = "";
    private NpgsqlConnection _connection = null!;
    private PostgresDatabase _database = null!;
    private PostgresJobLog _log = null!;
    private PostgresQueue _queue = null!;
    private PreviousRelease _previous = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _settings = await (await postgres.Server).NewDatabaseAsync();
        _connection = new(_settings);
        await _connection.OpenAsync(Cancel);
        await PostgresSchema.MigrateAsync(_connection, PostgresSchema.Version - 1, Cancel);
        _previous = new(_connection);
        _database = new(_settings, TimeProvider.System);
        _queue = new(_database);
        _log = new(
            _database,
            new SharedSettings(ServiceRole.Both, Options.Create(new StoreOptions())),
            Options.Create(new JobOptions { QueueCapacity = 100 }),
            Options.Create(new AccessOptions { ApiKey = "one,two" }),
            NullLogger<PostgresJobLog>.Instance);
    }

    public async ValueTask DisposeAsync()
    {
        await _connection.DisposeAsync();
        _database.Dispose();
    }

    [Fact]
    public async Task The_previous_release_continues_after_the_schema_changes()
    {
        await _previous.AddAsync("before", key: "k", owner: "0");
        await _previous.ClaimAsync("before");
        await _log.OpenAsync(Cancel);
        var (version, oldest) = await PostgresSchema.VersionOfAsync(_connection, Cancel);
        Assert.Equal((PostgresSchema.Version, PostgresSchema.Version - 1), (version, oldest));

        // A worker of the previous release finishes its job, and runs one that a process of this release accepted.
        await _previous.RunAsync("before");
        await _previous.SucceedAsync("before");
        await _log.AddAsync([new("new", Request, "k2", "hash") { Owner = Keys.One }], null, Cancel);
        await _previous.ClaimAsync("new");
        await _previous.RunAsync("new");
        await _previous.SucceedAsync("new");
        Assert.Equal(JobState.Succeeded, (await _log.FindAsync("before", Cancel))!.State);
        Assert.Equal(JobState.Succeeded, (await _log.FindAsync("new", Cancel))!.State);
        Assert.Equal("en-cot", (await _log.FindAsync("new", Cancel))!.Song!.Model);

        // An API process of the previous release accepts jobs and groups, and a worker of this release claims one.
        await _previous.AddAsync("after", key: "k3", owner: "1");
        await _previous.AddGroupAsync("group", "take");
        var claimed = (await _queue.ClaimAsync("worker", ["en-cot"], Lease, Cancel))!;
        Assert.Equal(("after", "1"), (claimed.Id, claimed.Owner));
        Assert.True(await _log.SetRunningAsync(claimed, Cancel));
        Assert.Equal(["after", "take"], (await _previous.ChangedAsync()).Where(id => id is "after" or "take").Order());

        // The worker dies, and a process of the previous release queues its job again.
        await PostgresServer.ExecuteAsync(_settings, "UPDATE jobs SET lease_until = now() - interval '1 s' WHERE id = 'after'");
        Assert.Equal(["after"], await _previous.ReapAsync());
        Assert.False(await _log.CancelAsync(claimed, Cancel));
    }

    [Fact]
    public async Task Idempotency_keys_and_heartbeats_work_in_both_releases()
    {
        await _previous.AddAsync("before", key: "k", owner: "0");
        await _previous.BeatAsync("old");
        await _log.OpenAsync(Cancel);
        Assert.Equal("before", (await _log.FindByKeyAsync("k", Keys.One, Cancel))!.Id);
        Assert.Equal(IntakeOutcome.KeyTaken, await AddAsync("again", "k", Keys.One));
        await AddAsync("new", "k2", Keys.One);
        Assert.Equal("new", await _previous.FindByKeyAsync("k2"));
        await _previous.AddGroupAsync("group", "take", key: "k3");
        Assert.Equal("group", (await _log.FindGroupByKeyAsync("k3", Keys.One, Cancel))!.Id);

        await _previous.BeatAsync("old");
        await _queue.BeatAsync(new("new", "name", true, false, new([new("zh-cot", "yue1")], 2, 0, null, "cpu", false)), Lease, Cancel);
        await _queue.AnnounceAsync([new("zh-cot", "yue1")], Cancel);
        Assert.Equal(["new", "old"], (await _queue.LiveAsync(Lease, Cancel)).Select(process => process.Id).Order());
    }

    [Fact]
    public async Task Positions_of_API_keys_stored_by_the_previous_release_become_names()
    {
        await _previous.AddAsync("before", key: "k", owner: "1");
        await _log.OpenAsync(Cancel);
        Assert.Equal(Keys.Two, (await _log.FindAsync("before", Cancel))!.Owner);
        Assert.Null(await _log.FindByKeyAsync("k", Keys.One, Cancel));

        // A process of the previous release adds a job after the schema has changed.
        await _previous.AddAsync("after", key: "k2", owner: "1");
        Assert.Equal("after", (await _log.FindByKeyAsync("k2", Keys.Two, Cancel))!.Id);
        Assert.Equal(IntakeOutcome.KeyTaken, await AddAsync("again", "k2", Keys.Two));
        Assert.Equal(IntakeOutcome.Accepted, await AddAsync("other", "k2", Keys.One));

        // The same caller sent one idempotency key to both releases. The lookup finds the job whose row has the API key's name.
        await PostgresServer.ExecuteAsync(_settings, $"UPDATE jobs SET owner = '{Keys.Two}', idempotency_key = 'k2' WHERE id = 'before'");
        await _log.OpenAsync(Cancel);
        Assert.Equal("1", (await _log.FindAsync("after", Cancel))!.Owner);
        Assert.Equal("before", (await _log.FindByKeyAsync("k2", Keys.Two, Cancel))!.Id);
    }

    [Fact]
    public async Task Real_processes_of_two_releases_share_their_jobs()
    {
        var program = Environment.GetEnvironmentVariable("YUE_PREVIOUS_RELEASE");
        Assert.SkipWhen(
            string.IsNullOrEmpty(program),
            "YUE_PREVIOUS_RELEASE is not set; set it to the path of a YueService.FakeProcess.dll built from the previous release");
        using var files = new TemporaryFolder();
        await using var cluster = new Cluster(_settings, files.Path);
        var (oldApi, oldWorker) = (await StartAsync(["serve", "--role", "api"], program), await StartAsync(["worker"], program));
        var running = await oldApi.Client.SubmitAsync("la seconds=20");
        await oldApi.Client.WhenAsync(running, "running");
        var newApi = await StartAsync(["serve", "--role", "api"], null);
        var waiting = await newApi.Client.SubmitAsync("la");
        foreach (var api in new[] { oldApi, newApi })
        {
            await api.Client.WhenAsync(running, "succeeded");
            await api.Client.WhenAsync(waiting, "succeeded");
        }

        await oldWorker.TerminateAsync();
        await StartAsync(["worker"], null);
        var last = await oldApi.Client.SubmitAsync("la");
        await newApi.Client.WhenAsync(last, "succeeded");
        Assert.Equal(
            await oldApi.Client.GetByteArrayAsync(last + "/audio", Cancel), await newApi.Client.GetByteArrayAsync(last + "/audio", Cancel));
        Assert.Equal("0", await cluster.ColumnAsync(running, "interruptions"));

        Task<YueProcess> StartAsync(string[] arguments, string? release) => cluster.Start(arguments, [], program: release).ReadyAsync();
    }

    private async Task<IntakeOutcome> AddAsync(string id, string key, string owner) =>
        (await _log.AddAsync([new(id, Request, key, "hash") { Owner = owner }], null, Cancel)).Outcome;

    private static JobRequest Request => new(new SongRequest { Lyrics = "la" }, null, null, []);

    /// <summary>The SQL statements that the previous release executes. Replace them when the schema changes again.</summary>
    private sealed class PreviousRelease(NpgsqlConnection connection)
    {
        private const string Now = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint";

        public async Task AddAsync(string id, string? key, string owner, string group = "NULL")
        {
            var request = JobRows.ToJson(RequestRow.Of(Request));
            await using var transaction = await connection.BeginTransactionAsync(Cancel);
            Assert.Equal("False", await ScalarAsync($"SELECT EXISTS (SELECT 1 FROM jobs WHERE idempotency_key = '{key}')"));
            await ExecuteAsync($"""
                SELECT pg_advisory_xact_lock({PostgresSchema.SubmissionLock});
                INSERT INTO jobs (
                    id, state, request, idempotency_key, body_hash, created_ms, files, title, parent_id, group_id, take, callback_url)
                VALUES ('{id}', 'queued', '{request}', {Quote(key)}, 'hash', {Now}, NULL, 'la', NULL, {group}, 1, NULL);
                INSERT INTO search_texts (number, text) SELECT number, 'la' FROM jobs WHERE id = '{id}'
                    ON CONFLICT (number) DO UPDATE SET text = excluded.text;
                UPDATE jobs SET owner = '{owner}', caller = NULL, model = NULL, turn = 1 + greatest(
                    coalesce((SELECT max(turn) FROM jobs WHERE state = 'queued' AND lease_until IS NULL AND owner = '{owner}'
                        AND id <> '{id}' AND turn > 0), 0),
                    coalesce((SELECT min(turn) - 1 FROM jobs WHERE state = 'queued' AND lease_until IS NULL
                        AND id <> '{id}' AND turn > 0), 0))
                WHERE id = '{id}'
                """);
            await transaction.CommitAsync(Cancel);
        }

        public async Task AddGroupAsync(string id, string take, string? key = null)
        {
            await ExecuteAsync(
                $"INSERT INTO song_groups (id, idempotency_key, body_hash, created_ms) VALUES ('{id}', {Quote(key)}, 'hash', {Now})");
            await AddAsync(take, key: null, owner: "0", group: $"'{id}'");
        }

        public Task<string> FindByKeyAsync(string key) => ScalarAsync($"SELECT * FROM jobs WHERE idempotency_key = '{key}'", column: "id");

        public async Task ClaimAsync(string id) => Assert.Equal(id, await ScalarAsync("""
            WITH next AS (
                SELECT number FROM jobs
                WHERE state = 'queued' AND lease_until IS NULL AND NOT cancelling AND (model IS NULL OR model = ANY (ARRAY['en-cot']))
                ORDER BY turn, number LIMIT 1 FOR UPDATE SKIP LOCKED)
            UPDATE jobs SET
                attempt = attempt + 1, worker = 'old', lease_until = clock_timestamp() + interval '1 min', marks = NULL, delay = NULL
            FROM next WHERE jobs.number = next.number RETURNING jobs.*
            """, column: "id"));

        public async Task RunAsync(string id)
        {
            Assert.Equal(1, await ExecuteAsync($"""
                UPDATE jobs SET state = 'running', started_ms = {Now}
                WHERE id = '{id}' AND attempt = 1 AND state IN ('queued', 'running')
                """));
            Assert.Equal(1, await ExecuteAsync(
                $"UPDATE jobs SET marks = '[]' WHERE id = '{id}' AND attempt = 1 AND lease_until IS NOT NULL"));
            Assert.Equal(1, await ExecuteAsync($"""
                UPDATE jobs SET lease_until = clock_timestamp() + interval '1 min'
                FROM unnest(ARRAY['{id}'], ARRAY[1::bigint]) AS mine (id, attempt)
                WHERE jobs.id = mine.id AND jobs.attempt = mine.attempt AND lease_until IS NOT NULL AND state IN ('queued', 'running')
                """));
        }

        public async Task SucceedAsync(string id)
        {
            var song = JobRows.ToJson(SongRow.Of(Jobs.JobLogContract.Song().Song));
            Assert.Equal(1, await ExecuteAsync($"""
                UPDATE jobs SET state = 'succeeded', finished_ms = {Now}, request = coalesce(NULL, request),
                    song = '{song}', files = '{"{}"}', folder = '{id}/1-x'
                WHERE id = '{id}' AND attempt = 1 AND state IN ('queued', 'running')
                """));
        }

        public Task<IReadOnlyList<string>> ReapAsync() => IdsAsync($"""
            UPDATE jobs SET
                state = CASE WHEN cancelling THEN 'cancelled' WHEN state = 'running' AND interruptions > 0 THEN 'failed' ELSE 'queued' END,
                fault = CASE WHEN NOT cancelling AND state = 'running' AND interruptions > 0 THEN 'x' ELSE fault END,
                finished_ms = CASE WHEN cancelling OR state = 'running' AND interruptions > 0 THEN {Now} END,
                interruptions = interruptions + CASE WHEN state = 'running' THEN 1 ELSE 0 END,
                started_ms = NULL,
                attempt = attempt + 1,
                lease_until = NULL
            WHERE number IN (SELECT number FROM jobs WHERE lease_until < clock_timestamp() AND state IN ('queued', 'running')
                FOR UPDATE SKIP LOCKED)
            RETURNING id
            """);

        public Task<IReadOnlyList<string>> ChangedAsync() =>
            IdsAsync($"SELECT jobs.id, {Now} AS now_ms FROM jobs WHERE changed >= '1'::xid8 ORDER BY turn, number");

        public Task BeatAsync(string id) => ExecuteAsync($$"""
            DELETE FROM processes WHERE heartbeat < clock_timestamp() - interval '1 min' * 20;
            INSERT INTO processes (id, name, makes_songs, takes_jobs, about, heartbeat)
            VALUES ('{{id}}', 'name', true, false, '{"models":[{"name":"en-cot","family":"yue1"}],"slots":1,"running":0,"song_seconds":null,
                "device":"cpu","is_demo":false}', clock_timestamp())
            ON CONFLICT (id) DO UPDATE SET about = excluded.about, heartbeat = excluded.heartbeat
            """);

        private static string Quote(string? text) => text is null ? "NULL" : $"'{text}'";

        private async Task<int> ExecuteAsync(string statement)
        {
            await using var command = new NpgsqlCommand(statement, connection);
            return await command.ExecuteNonQueryAsync(Cancel);
        }

        private async Task<string> ScalarAsync(string statement, string? column = null)
        {
            await using var command = new NpgsqlCommand(statement, connection);
            await using var reader = await command.ExecuteReaderAsync(Cancel);
            Assert.True(await reader.ReadAsync(Cancel), "no row");
            return Convert.ToString(reader.GetValue(column is null ? 0 : reader.GetOrdinal(column)), CultureInfo.InvariantCulture)!;
        }

        private async Task<IReadOnlyList<string>> IdsAsync(string statement)
        {
            await using var command = new NpgsqlCommand(statement, connection);
            await using var reader = await command.ExecuteReaderAsync(Cancel);
            var ids = new List<string>();
            while (await reader.ReadAsync(Cancel))
            {
                ids.Add(reader.GetString(0));
            }

            return ids;
        }
    }
}
