using System.Data.Common;
using System.Globalization;
using Microsoft.Extensions.Options;
using Npgsql;
using YueService.Settings;

namespace YueService.Jobs.Shared;

/// <summary>Jobs in a PostgreSQL database that processes share. All times are from the database's clock.</summary>
internal sealed class PostgresJobLog(
    PostgresDatabase database, SharedSettings settings, IOptions<JobOptions> options, ILogger<PostgresJobLog> logger) : SqlJobLog(logger)
{
    private const string Waiting = "state = 'queued' AND lease_until IS NULL";

    public override bool IsNew => false;

    public override bool IsShared => true;

    public override string ProcessId => settings.ProcessId;

    protected override string Now => "(extract(epoch FROM clock_timestamp()) * 1000)::bigint";

    protected override string ForUpdate => "FOR UPDATE";

    /// <remarks>Jobs with waiting callers are visible only to those callers.</remarks>
    protected override string Listed => "caller IS NULL";

    protected override string SearchJoin => "JOIN";

    protected override string OnRequeue => ", lease_until = NULL";

    public override Task OpenAsync(CancellationToken cancel) =>
        database.UseAsync(connection => PostgresSchema.MigrateAsync(connection, cancel), cancel);

    public override async Task<DueWebhook?> HoldWebhookAsync(DueWebhook webhook, TimeSpan time, CancellationToken cancel)
    {
        var held = webhook with { Next = DateTimeOffset.FromUnixTimeMilliseconds((DateTimeOffset.UtcNow + time).ToUnixTimeMilliseconds()) };
        var isHeld = await ExecuteAsync(
            "UPDATE webhooks SET next_ms = @next WHERE job_id = @id AND next_ms = @was",
            update =>
            {
                update.Bind("id", webhook.JobId);
                update.Bind("next", held.Next.ToUnixTimeMilliseconds());
                update.Bind("was", webhook.Next.ToUnixTimeMilliseconds());
            },
            cancel);
        return isHeld ? held : null;
    }

    protected override Task<T> ReadAsync<T>(Func<DbConnection, Task<T>> work, CancellationToken cancel) => database.UseAsync(work, cancel);

    protected override Task<T> WriteAsync<T>(Func<DbConnection, Task<T>> work, CancellationToken cancel) =>
        database.TransactAsync(work, cancel);

    protected override string Contains(string column, string text) => $"strpos({column}, {text}) > 0";

    protected override bool IsConflict(DbException e) => e is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation };

    /// <summary>Checks the keys and the limit, one submission at a time.</summary>
    protected override async Task<IntakeOutcome?> RefuseAsync(
        DbConnection connection, IReadOnlyList<NewJob> jobs, NewGroup? group, CancellationToken cancel)
    {
        await using var look = Command(connection, string.Create(CultureInfo.InvariantCulture, $"""
            SELECT pg_advisory_xact_lock({PostgresSchema.SubmissionLock});
            SELECT count(*) FROM jobs WHERE {Waiting};
            SELECT EXISTS (SELECT 1 FROM jobs WHERE {HasKey}) OR EXISTS (SELECT 1 FROM song_groups WHERE {HasKey});
            SELECT count(*) FROM jobs WHERE {Waiting} AND owner = @owner
            """));
        BindKey(look, group?.Key ?? jobs[0].Key, jobs[0].Owner);
        await using var reader = await look.ExecuteReaderAsync(cancel);
        await reader.NextResultAsync(cancel);
        await reader.ReadAsync(cancel);
        var waiting = reader.GetInt64(0);
        await reader.NextResultAsync(cancel);
        await reader.ReadAsync(cancel);
        var isTaken = reader.GetBoolean(0);
        await reader.NextResultAsync(cancel);
        await reader.ReadAsync(cancel);
        return isTaken ? IntakeOutcome.KeyTaken
            : waiting + jobs.Count > options.Value.QueueCapacity ? IntakeOutcome.QueueFull
            : reader.GetInt64(0) + jobs.Count > options.Value.CapacityOf(jobs[0].Owner) ? IntakeOutcome.OwnerQueueFull
            : null;
    }

    /// <summary>Assigns turns to new jobs: jobs of one key keep their order, and jobs of different keys alternate.</summary>
    /// <remarks>Start-time fair queueing: the first job of a key without waiting jobs gets the latest turn of a running job, and each
    /// further one a later turn. While no job is running, it gets the turn of the first waiting job.</remarks>
    protected override async Task AddedAsync(DbConnection connection, IReadOnlyList<NewJob> jobs, CancellationToken cancel)
    {
        foreach (var job in jobs)
        {
            await using var update = Command(connection, $"""
                UPDATE jobs SET caller = @caller, model = @model, turn = 1 + greatest(
                    coalesce((SELECT max(turn) FROM jobs WHERE {Waiting} AND owner = @owner AND id <> @id AND turn > 0), 0),
                    coalesce((SELECT max(turn) FROM jobs WHERE lease_until IS NOT NULL),
                        (SELECT min(turn) - 1 FROM jobs WHERE {Waiting} AND id <> @id AND turn > 0), 0))
                WHERE id = @id
                """);
            update.Bind("id", job.Id);
            update.Bind("owner", job.Owner ?? "");
            update.Bind("caller", job.Caller);
            update.Bind("model", job.Request.Song.Model);
            await update.ExecuteNonQueryAsync(cancel);
        }
    }
}
