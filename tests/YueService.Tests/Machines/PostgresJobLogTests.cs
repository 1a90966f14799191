using System.Collections.Concurrent;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Xunit;
using Yue.Testing;
using YueService.Jobs;
using YueService.Jobs.Shared;
using YueService.Settings;
using YueService.Tests.Jobs;

namespace YueService.Tests.Machines;

/// <summary>Tests the job log that several machines share.</summary>
public sealed class PostgresJobLogTests(SharedPostgres postgres) : JobLogContract, IAsyncLifetime
{
    private readonly JobOptions _options = new() { QueueCapacity = 100 };
    private string _settings = "";
    private PostgresDatabase _database = null!;
    private PostgresJobLog _log = null!;

    private protected override IJobLog Log => _log;

    public async ValueTask InitializeAsync()
    {
        _settings = await (await postgres.Server).NewDatabaseAsync();
        (_database, _log) = Open();
        await _log.OpenAsync(Cancel);
    }

    public ValueTask DisposeAsync()
    {
        _database?.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task Many_processes_create_the_schema_once()
    {
        var settings = await (await postgres.Server).NewDatabaseAsync();
        await Task.WhenAll(Enumerable.Range(0, 6).Select(async _ =>
        {
            await using var database = new PostgresDatabase(settings, TimeProvider.System);
            await LogOf(database).OpenAsync(Cancel);
        }));
    }

    [Fact]
    public async Task A_schema_of_the_next_release_is_used_and_a_later_one_is_refused()
    {
        await PostgresServer.ExecuteAsync(
            _settings, $"INSERT INTO schema_versions VALUES ({PostgresSchema.Version + 1}, {PostgresSchema.Version}, now())");
        await _log.OpenAsync(Cancel);
        await PostgresServer.ExecuteAsync(
            _settings, $"INSERT INTO schema_versions VALUES ({PostgresSchema.Version + 2}, {PostgresSchema.Version + 1}, now())");
        var refused = await Assert.ThrowsAsync<StorageException>(() => _log.OpenAsync(Cancel));
        Assert.Contains($"schema {PostgresSchema.Version + 2}", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_queue_limit_holds_across_processes()
    {
        _options.QueueCapacity = 8;
        var (database, other) = Open();
        await using (database)
        {
            var outcomes = await Task.WhenAll(Enumerable.Range(0, 50).Select(i => Task.Run(
                () => (i % 2 == 0 ? Log : other).AddAsync([new(NewJob.NewId(), Request("la"), $"key {i % 25}", null)], null, Cancel),
                Cancel)));
            Assert.Equal(8, outcomes.Count(outcome => outcome.Outcome == IntakeOutcome.Accepted));
            Assert.Equal(8, (await Log.ListAsync(new JobQuery(100), Cancel)).Count);
            Assert.Equal(
                IntakeOutcome.QueueFull, (await Log.AddAsync([new("x", Request("la"), null, null)], null, Cancel)).Outcome);
        }
    }

    [Fact]
    public async Task The_queue_limit_of_an_API_key_holds_across_processes()
    {
        _options.QueueCapacityPerKey = 3;
        var (database, other) = Open();
        await using (database)
        {
            var outcomes = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => Task.Run(
                async () => (await (i % 2 == 0 ? Log : other).AddAsync([Of("one")], null, Cancel)).Outcome, Cancel)));
            Assert.Equal(3, outcomes.Count(outcome => outcome == IntakeOutcome.Accepted));
            Assert.Equal(17, outcomes.Count(outcome => outcome == IntakeOutcome.OwnerQueueFull));
            Assert.Equal(IntakeOutcome.Accepted, (await other.AddAsync([Of("two")], null, Cancel)).Outcome);
        }

        NewJob Of(string owner) => new(NewJob.NewId(), Request("la"), null, null) { Owner = owner };
    }

    [Fact]
    public async Task No_accepted_job_is_lost_when_a_synchronous_standby_takes_over()
    {
        await using var primary = await PostgresServer.StartNewAsync();
        var settings = await primary.NewDatabaseAsync();
        await using var standby = await primary.StartStandbyAsync();
        await using var database = new PostgresDatabase(primary.SettingsWith(standby, settings), TimeProvider.System);
        _options.QueueCapacity = 10_000;
        var log = LogOf(database);
        await log.OpenAsync(Cancel);
        var accepted = new ConcurrentQueue<string>();
        var adding = Task.Run(
            async () =>
            {
                try
                {
                    while (true)
                    {
                        var id = NewJob.NewId();
                        await log.AddAsync([new(id, Request("la"), null, null)], null, Cancel);
                        accepted.Enqueue(id);
                    }
                }
                catch (StorageException)
                {
                    // The primary has been stopped.
                }
            },
            Cancel);
        await Eventually.TrueAsync(() => accepted.Count > 20);
        await primary.StopAsync(crash: true);
        await adding.InTime();
        await standby.PromoteAsync();
        await Eventually.TrueAsync(async () =>
        {
            try
            {
                return (await log.AddAsync([new(NewJob.NewId(), Request("la"), null, null)], null, Cancel)).Jobs.Count == 1;
            }
            catch (StorageException)
            {
                return false;
            }
        });
        Assert.Empty(accepted.Except(await log.ListIdsAsync(Cancel)));
    }

    [Fact]
    public async Task Only_one_process_holds_a_webhook()
    {
        var job = await AddAsync(new NewJob("a", Request("la") with { CallbackUrl = "https://example.org/" }, null, null));
        await Log.CancelAsync(job, Cancel);
        var due = Assert.Single(await Log.ListWebhooksAsync(10, Cancel));
        Assert.NotNull(await Log.HoldWebhookAsync(due, TimeSpan.FromMinutes(1), Cancel));
        Assert.Null(await Log.HoldWebhookAsync(due, TimeSpan.FromMinutes(1), Cancel));
    }

    [Fact]
    public async Task An_unreachable_database_causes_an_exception_without_addresses()
    {
        await using var database = new PostgresDatabase("Host=127.0.0.1;Port=1;Username=yue;Password=secret", TimeProvider.System);
        var log = LogOf(database);
        var fault = await Assert.ThrowsAsync<StorageException>(() => log.FindAsync("a", Cancel));
        Assert.Equal("The job database cannot be reached.", fault.Message);
        Assert.DoesNotContain("secret", database.Place, StringComparison.Ordinal);
        Assert.Equal(TimeSpan.Zero, database.ReachedFor);
    }

    private (PostgresDatabase Database, PostgresJobLog Log) Open()
    {
        var database = new PostgresDatabase(_settings, TimeProvider.System);
        return (database, LogOf(database));
    }

    private PostgresJobLog LogOf(PostgresDatabase database) => new(
        database,
        new SharedSettings(ServiceRole.Both, Options.Create(new StoreOptions())),
        Options.Create(_options),
        Options.Create(new AccessOptions()),
        NullLogger<PostgresJobLog>.Instance);
}
