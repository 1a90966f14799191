using System.Data.Common;
using System.Globalization;
using Microsoft.Extensions.Options;
using Npgsql;
using YueService.Settings;

namespace YueService.Jobs.Shared;

/// <summary>Jobs in a PostgreSQL database that several processes share. The times of jobs are from the database's clock; the times of
/// webhooks are from the process's clock.</summary>
internal sealed class PostgresJobLog(
    PostgresDatabase database,
    SharedSettings settings,
    IOptions<JobOptions> options,
    IOptions<AccessOptions> access,
    ILogger<PostgresJobLog> logger) : SqlJobLog(access, logger)
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

    protected override string IsAllowed => "current_setting('yue.refusal') = ''";

    protected override string MoreColumns => ", caller, model, turn";

    public override async Task OpenAsync(CancellationToken cancel)
    {
        await database.UseAsync(connection => PostgresSchema.MigrateAsync(connection, cancel), cancel);
        await NameOwnersAsync(cancel);
    }

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

    /// <remarks>PostgreSQL runs the statements of one command in one transaction, which it commits without another round trip.</remarks>
    protected override Task<T> WriteOnceAsync<T>(Func<DbConnection, Task<T>> work, CancellationToken cancel) =>
        database.UseAsync(work, cancel);

    protected override string Contains(string column, string text) => $"strpos({column}, {text}) > 0";

    protected override bool IsConflict(DbException e) => e is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation };

    /// <remarks>Checks the idempotency keys and the limits, one submission at a time. The lock is a separate statement, because a statement
    /// sees only what was committed before it began.</remarks>
    protected override IEnumerable<string> Guards(DbCommand add, IReadOnlyList<NewJob> jobs, NewGroup? group)
    {
        var owner = group is null ? jobs[0].Owner : group.Owner;
        add.Bind("key", group?.Key ?? jobs[0].Key);
        add.Bind("position", PositionOf(owner));
        add.Bind("count", (long)jobs.Count);
        add.Bind("capacity", (long)options.Value.QueueCapacity);
        add.Bind("owner_capacity", (long)options.Value.CapacityOf(owner));
        return
        [
            string.Create(CultureInfo.InvariantCulture, $"SELECT pg_advisory_xact_lock({PostgresSchema.SubmissionLock})"),
            $"""
            SELECT set_config('yue.refusal', CASE
                WHEN EXISTS (SELECT 1 FROM jobs WHERE {HasKey}) OR EXISTS (SELECT 1 FROM song_groups WHERE {HasKey})
                    THEN '{IntakeOutcome.KeyTaken}'
                WHEN (SELECT count(*) FROM jobs WHERE {Waiting}) + @count > @capacity THEN '{IntakeOutcome.QueueFull}'
                WHEN (SELECT count(*) FROM jobs WHERE {Waiting} AND owner = @owner) + @count > @owner_capacity
                    THEN '{IntakeOutcome.OwnerQueueFull}'
                ELSE '' END, true)
            """,
        ];
    }

    protected override async Task<IntakeOutcome?> ReadRefusalAsync(DbDataReader reader, CancellationToken cancel)
    {
        await reader.NextResultAsync(cancel);
        await reader.ReadAsync(cancel);
        var refusal = reader.GetString(0);
        await reader.NextResultAsync(cancel);
        return refusal.Length == 0 ? null : Enum.Parse<IntakeOutcome>(refusal);
    }

    /// <remarks>Turns implement start-time fair queueing: jobs of one API key keep their order, and jobs of different API keys alternate.
    /// The first job of a key without waiting jobs gets the turn after the latest turn of any running job, and each further job of the key
    /// gets the next turn. If no job is running, the key's first job gets the turn of the first waiting job of any key.</remarks>
    protected override string MoreValues(string n) => $"""
        , @caller{n}, @model{n}, 1 + greatest(
            coalesce((SELECT max(turn) FROM jobs WHERE {Waiting} AND owner = @owner AND turn > 0), 0),
            coalesce((SELECT max(turn) FROM jobs WHERE lease_until IS NOT NULL),
                (SELECT min(turn) - 1 FROM jobs WHERE {Waiting} AND turn > 0), 0))
        """;

    protected override void BindMore(DbCommand add, string n, NewJob job)
    {
        add.Bind("caller" + n, job.Caller);
        add.Bind("model" + n, job.Request.Song.Model);
    }
}
