using System.Data.Common;
using Npgsql;

namespace YueService.Jobs.Shared;

/// <summary>The parts of the shared queue that are not in the log: claims, leases, cancellation, progress, live processes, and the models
/// of workers.</summary>
/// <remarks>Leases use only the database's clock. When a job is taken from its worker, a new attempt begins, so anything that the worker
/// stores later is ignored.</remarks>
internal sealed class PostgresQueue(PostgresDatabase database)
{
    private const string Unfinished = "state IN ('queued', 'running')";
    private const string Now = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint";

    // If no worker has had a model for this long, the model is removed, and jobs for it are rejected.
    private static readonly TimeSpan ModelMemory = TimeSpan.FromDays(30);

    // A commit with a notification holds a server-wide lock until it is on disk. Short-lived updates do not need to be durable.
    private const string WithoutFlush = "SELECT set_config('synchronous_commit', 'off', true)";

    /// <summary>Claims the next job that a worker can do.</summary>
    /// <param name="process">The worker.</param>
    /// <param name="models">The models that it has.</param>
    /// <param name="lease">The time within which the worker must renew the claim.</param>
    /// <param name="cancel">Cancels the wait.</param>
    /// <returns>The job; null if no suitable job is waiting.</returns>
    public Task<StoredJob?> ClaimAsync(string process, IReadOnlyList<string> models, TimeSpan lease, CancellationToken cancel) =>
        database.UseAsync(
            async connection =>
            {
                await using var command = new NpgsqlCommand($"""
                    WITH next AS (
                        SELECT number FROM jobs
                        WHERE state = 'queued' AND lease_until IS NULL AND NOT cancelling AND (model IS NULL OR model = ANY (@models))
                        ORDER BY turn, number LIMIT 1 FOR UPDATE SKIP LOCKED)
                    UPDATE jobs SET
                        attempt = attempt + 1, worker = @process, lease_until = clock_timestamp() + @lease, marks = NULL, delay = NULL
                    FROM next WHERE jobs.number = next.number RETURNING jobs.*
                    """, connection);
                command.Parameters.AddWithValue("models", models.ToArray());
                command.Parameters.AddWithValue("process", process);
                command.Parameters.AddWithValue("lease", lease);
                return (await RowsAsync(command, cancel)).SingleOrDefault()?.Job;
            },
            cancel);

    /// <summary>Renews a worker's claims.</summary>
    /// <returns>The ids of the jobs that it still has; the value is true if cancellation was requested.</returns>
    public Task<IReadOnlyDictionary<string, bool>> RenewAsync(IReadOnlyList<StoredJob> jobs, TimeSpan lease, CancellationToken cancel) =>
        database.UseAsync<IReadOnlyDictionary<string, bool>>(
            async connection =>
            {
                await using var command = new NpgsqlCommand($"""
                    UPDATE jobs SET lease_until = clock_timestamp() + @lease
                    FROM unnest(@ids, @attempts) AS mine (id, attempt)
                    WHERE jobs.id = mine.id AND jobs.attempt = mine.attempt AND lease_until IS NOT NULL AND {Unfinished}
                    RETURNING jobs.id, cancelling
                    """, connection);
                command.Parameters.AddWithValue("lease", lease);
                command.Parameters.AddWithValue("ids", jobs.Select(job => job.Id).ToArray());
                command.Parameters.AddWithValue("attempts", jobs.Select(job => (long)job.Attempt).ToArray());
                var left = new Dictionary<string, bool>(StringComparer.Ordinal);
                await using var reader = await command.ExecuteReaderAsync(cancel);
                while (await reader.ReadAsync(cancel))
                {
                    left[reader.GetString(0)] = reader.GetBoolean(1);
                }

                return left;
            },
            cancel);

    /// <summary>Takes jobs from workers that have not renewed their claims. A cancelled job ends; a running job fails if it had been
    /// interrupted once already; every other job is queued again.</summary>
    /// <returns>The jobs and their new states.</returns>
    public Task<IReadOnlyList<(string Id, string State)>> ReapAsync(Fault interrupted, CancellationToken cancel) =>
        database.UseAsync<IReadOnlyList<(string Id, string State)>>(
            async connection =>
            {
                const string Fails = "state = 'running' AND interruptions > 0";
                await using var command = new NpgsqlCommand($"""
                    UPDATE jobs SET
                        state = CASE WHEN cancelling THEN 'cancelled' WHEN {Fails} THEN 'failed' ELSE 'queued' END,
                        fault = CASE WHEN NOT cancelling AND {Fails} THEN @fault ELSE fault END,
                        finished_ms = CASE WHEN cancelling OR {Fails} THEN {Now} END,
                        interruptions = interruptions + CASE WHEN state = 'running' THEN 1 ELSE 0 END,
                        started_ms = CASE WHEN cancelling OR {Fails} THEN started_ms END,
                        attempt = attempt + 1,
                        lease_until = NULL
                    WHERE number IN (SELECT number FROM jobs WHERE lease_until < clock_timestamp() AND {Unfinished} FOR UPDATE SKIP LOCKED)
                    RETURNING id, state
                    """, connection);
                command.Parameters.AddWithValue("fault", JobRows.ToJson(interrupted));
                var reaped = new List<(string, string)>();
                await using var reader = await command.ExecuteReaderAsync(cancel);
                while (await reader.ReadAsync(cancel))
                {
                    reaped.Add((reader.GetString(0), reader.GetString(1)));
                }

                return reaped;
            },
            cancel);

    /// <summary>Requests cancellation of a job. A job without a worker ends immediately.</summary>
    public Task RequestCancelAsync(string id, CancellationToken cancel)
    {
        const string IsFree = "state = 'queued' AND lease_until IS NULL";
        return ExecuteAsync(
            $"""
            UPDATE jobs SET
                cancelling = true,
                finished_ms = CASE WHEN {IsFree} THEN {Now} END,
                state = CASE WHEN {IsFree} THEN 'cancelled' ELSE state END
            WHERE id = @id AND {Unfinished}
            """,
            parameters => parameters.AddWithValue("id", id),
            cancel);
    }

    /// <summary>Cancels the jobs whose callers were waiting in a dead process, and removes those that have ended.</summary>
    /// <param name="limit">The age of the last heartbeat after which a process counts as dead.</param>
    /// <param name="cancel">Cancels the wait.</param>
    /// <returns>The jobs that were removed.</returns>
    public Task<IReadOnlyList<StoredJob>> CancelLeftAsync(TimeSpan limit, CancellationToken cancel) =>
        database.TransactAsync<IReadOnlyList<StoredJob>>(
            async connection =>
            {
                const string Left = "caller IS NOT NULL AND NOT EXISTS "
                    + "(SELECT 1 FROM processes WHERE processes.id = caller AND heartbeat > clock_timestamp() - @limit)";
                await using var update = new NpgsqlCommand($"""
                    UPDATE jobs SET cancelling = true, state = CASE WHEN lease_until IS NULL THEN 'cancelled' ELSE state END
                    WHERE {Left} AND {Unfinished} AND NOT cancelling
                    """, connection);
                update.Parameters.AddWithValue("limit", limit);
                await update.ExecuteNonQueryAsync(cancel);
                await using var remove = new NpgsqlCommand($"DELETE FROM jobs WHERE {Left} AND NOT {Unfinished} RETURNING *", connection);
                remove.Parameters.AddWithValue("limit", limit);
                return [.. (await RowsAsync(remove, cancel)).Select(row => row.Job)];
            },
            cancel);

    /// <summary>Stores the <see cref="JobFeed.Marks"/> of an attempt.</summary>
    public Task MarkAsync(StoredJob job, string marks, CancellationToken cancel) => ExecuteAsync(
        "UPDATE jobs SET marks = @marks WHERE id = @id AND attempt = @attempt AND lease_until IS NOT NULL",
        parameters =>
        {
            parameters.AddWithValue("id", job.Id);
            parameters.AddWithValue("attempt", (long)job.Attempt);
            parameters.AddWithValue("marks", marks);
        },
        cancel,
        withoutFlush: true);

    /// <summary>Stores the reason why the end of an attempt is not stored yet.</summary>
    public Task DelayAsync(StoredJob job, string reason, CancellationToken cancel) => ExecuteAsync(
        "UPDATE jobs SET delay = @delay WHERE id = @id AND attempt = @attempt AND lease_until IS NOT NULL",
        parameters =>
        {
            parameters.AddWithValue("id", job.Id);
            parameters.AddWithValue("attempt", (long)job.Attempt);
            parameters.AddWithValue("delay", reason);
        },
        cancel);

    /// <summary>Sends a notification to all processes. It may be lost.</summary>
    public Task NotifyAsync(string notice, CancellationToken cancel) => ExecuteAsync(
        "SELECT pg_notify('yue', @notice)", parameters => parameters.AddWithValue("notice", notice), cancel, withoutFlush: true);

    /// <summary>Returns the changed jobs, and the position for the next call.</summary>
    /// <param name="from">The position from the previous call; null returns every unfinished job.</param>
    /// <param name="cancel">Cancels the wait.</param>
    /// <remarks>Changes by transactions that had not finished by the time of one call are returned by a later call.</remarks>
    public Task<(IReadOnlyList<SharedJob> Jobs, string Next)> ChangesAsync(string? from, CancellationToken cancel) => database.UseAsync(
        async connection =>
        {
            await using var horizon = new NpgsqlCommand("SELECT pg_snapshot_xmin(pg_current_snapshot())::text", connection);
            var next = (string)(await horizon.ExecuteScalarAsync(cancel))!;
            var which = from is null ? Unfinished : "changed >= @from::xid8";
            await using var select = new NpgsqlCommand(
                $"SELECT jobs.*, {Now} AS now_ms FROM jobs WHERE {which} ORDER BY turn, number", connection);
            if (from is not null)
            {
                select.Parameters.AddWithValue("from", from);
            }

            return (await RowsAsync(select, cancel), next);
        },
        cancel);

    /// <summary>Stores a heartbeat of a process, and deletes the rows of processes that have sent none for a long time.</summary>
    public Task BeatAsync(ProcessHeartbeat beat, TimeSpan limit, CancellationToken cancel) => ExecuteAsync(
        """
        DELETE FROM processes WHERE heartbeat < clock_timestamp() - @limit * 20;
        INSERT INTO processes (id, name, makes_songs, takes_jobs, about, heartbeat)
        VALUES (@id, @name, @makes, @takes, @about, clock_timestamp())
        ON CONFLICT (id) DO UPDATE SET about = excluded.about, heartbeat = excluded.heartbeat
        """,
        parameters =>
        {
            parameters.AddWithValue("limit", limit);
            parameters.AddWithValue("id", beat.Id);
            parameters.AddWithValue("name", beat.Name);
            parameters.AddWithValue("makes", beat.MakesSongs);
            parameters.AddWithValue("takes", beat.TakesJobs);
            parameters.AddWithValue("about", JobRows.ToJson(beat.About));
        },
        cancel,
        withoutFlush: true);

    /// <summary>Records the models of workers, and removes those that no worker has had for a long time.</summary>
    public Task AnnounceAsync(IReadOnlyList<ProcessModel> models, CancellationToken cancel) => ExecuteAsync(
        """
        INSERT INTO models (name, family, seen)
        SELECT name, family, clock_timestamp() FROM unnest(@names, @families) AS announced (name, family) ORDER BY name
        ON CONFLICT (name) DO UPDATE SET family = excluded.family, seen = excluded.seen;
        DELETE FROM models WHERE seen < clock_timestamp() - @memory
        """,
        parameters =>
        {
            parameters.AddWithValue("names", models.Select(model => model.Name).ToArray());
            parameters.AddWithValue("families", models.Select(model => model.Family).ToArray());
            parameters.AddWithValue("memory", ModelMemory);
        },
        cancel);

    /// <summary>Returns the models that workers have or had recently.</summary>
    public Task<IReadOnlyList<ProcessModel>> ModelsAsync(CancellationToken cancel) => database.UseAsync<IReadOnlyList<ProcessModel>>(
        async connection =>
        {
            await using var select = new NpgsqlCommand("SELECT name, family FROM models ORDER BY name", connection);
            var models = new List<ProcessModel>();
            await using var reader = await select.ExecuteReaderAsync(cancel);
            while (await reader.ReadAsync(cancel))
            {
                models.Add(new(reader.GetString(0), reader.GetString(1)));
            }

            return models;
        },
        cancel);

    /// <summary>Deletes the row of a process that is stopping.</summary>
    public Task LeaveAsync(string process, CancellationToken cancel) => ExecuteAsync(
        "DELETE FROM processes WHERE id = @id", parameters => parameters.AddWithValue("id", process), cancel);

    /// <summary>Returns the processes with a recent heartbeat.</summary>
    public Task<IReadOnlyList<ProcessHeartbeat>> LiveAsync(TimeSpan limit, CancellationToken cancel) =>
        database.UseAsync<IReadOnlyList<ProcessHeartbeat>>(
            async connection =>
            {
                await using var select = new NpgsqlCommand("""
                    SELECT id, name, makes_songs, takes_jobs, about FROM processes WHERE heartbeat > clock_timestamp() - @limit
                    """, connection);
                select.Parameters.AddWithValue("limit", limit);
                var live = new List<ProcessHeartbeat>();
                await using var reader = await select.ExecuteReaderAsync(cancel);
                while (await reader.ReadAsync(cancel))
                {
                    live.Add(new(
                        reader.GetString(0),
                        reader.GetString(1),
                        reader.GetBoolean(2),
                        reader.GetBoolean(3),
                        ProcessAbout.Parse(reader.GetString(4))));
                }

                return live;
            },
            cancel);

    private static async Task<IReadOnlyList<SharedJob>> RowsAsync(NpgsqlCommand command, CancellationToken cancel)
    {
        var rows = new List<Func<StoredJob, SharedJob>>();
        var jobs = await JobRows.ReadAsync(command, (_, _) => { }, cancel, row => rows.Add(Rest(row)));
        return [.. jobs.Zip(rows, (job, rest) => rest(job))];
    }

    private static Func<StoredJob, SharedJob> Rest(DbDataReader row)
    {
        var caller = Text("caller");
        var shared = new SharedJob(null!)
        {
            Turn = row.GetInt64(row.GetOrdinal("turn")),
            Model = Text("model"),
            IsClaimed = !row.IsDBNull(row.GetOrdinal("lease_until")),
            Delay = Text("delay"),
            Marks = Text("marks"),
        };
        var now = Enumerable.Range(0, row.FieldCount).FirstOrDefault(i => row.GetName(i) == "now_ms", -1);
        var nowMs = now < 0 ? (long?)null : row.GetInt64(now);
        return job => shared with
        {
            Job = job with { Caller = caller },
            RunningFor = nowMs is { } at && job.StartedAt is { } started
                ? TimeSpan.FromMilliseconds(Math.Max(0, at - started.ToUnixTimeMilliseconds()))
                : default,
        };

        string? Text(string column) => row.GetOrdinal(column) is var i && row.IsDBNull(i) ? null : row.GetString(i);
    }

    private Task<int> ExecuteAsync(
        string statement, Action<NpgsqlParameterCollection> bind, CancellationToken cancel, bool withoutFlush = false) =>
        database.UseAsync(
            async connection =>
            {
                // One command is one transaction and one round trip.
                await using var command = new NpgsqlCommand(withoutFlush ? $"{WithoutFlush};\n{statement}" : statement, connection);
                bind(command.Parameters);
                return await command.ExecuteNonQueryAsync(cancel);
            },
            cancel);
}

/// <summary>A job with the columns that are only in a shared database.</summary>
/// <param name="Job">The job in the log.</param>
internal sealed record SharedJob(StoredJob Job)
{
    /// <summary>The turn in which it is claimed; within a turn, jobs are ordered by number.</summary>
    public long Turn { get; init; }

    /// <summary>The requested model; null for any worker's default.</summary>
    public string? Model { get; init; }

    /// <summary>True if a worker has claimed it.</summary>
    public bool IsClaimed { get; init; }

    /// <summary>The reason why its end is not stored yet; null if nothing delays it.</summary>
    public string? Delay { get; init; }

    /// <summary>The <see cref="JobFeed.Marks"/> so far, as a JSON array of <see cref="JobNews"/>.</summary>
    public string? Marks { get; init; }

    /// <summary>The time since the engine began the job, by the database's clock.</summary>
    public TimeSpan RunningFor { get; init; }
}

/// <summary>The heartbeat of a process.</summary>
/// <param name="Id">A unique name.</param>
/// <param name="Name">A readable name: the machine and the process id.</param>
/// <param name="MakesSongs">True if it claims jobs.</param>
/// <param name="TakesJobs">True if it accepts jobs from callers.</param>
/// <param name="About">Its models, slots and speed.</param>
internal sealed record ProcessHeartbeat(string Id, string Name, bool MakesSongs, bool TakesJobs, ProcessAbout About);

/// <summary>The models, slots and speed that a process announces.</summary>
/// <param name="Models">The models that it has, with their families.</param>
/// <param name="Slots">The number of songs that it can make at the same time; 0 if it makes none.</param>
/// <param name="Running">The number of songs that it is making now.</param>
/// <param name="SongSeconds">The average time of its songs from start to end, in seconds; null before the first one.</param>
/// <param name="Device">The device that it computes on.</param>
/// <param name="IsDemo">True if it has the built-in demo model.</param>
internal sealed record ProcessAbout(
    IReadOnlyList<ProcessModel> Models, int Slots, int Running, double? SongSeconds, string Device, bool IsDemo)
{
    /// <summary>Returns what a process reported; if it cannot be read, a process without models.</summary>
    public static ProcessAbout Parse(string json)
    {
        try
        {
            return JobRows.FromJson<ProcessAbout>(json);
        }
        catch (Exception e) when (JobRows.IsDamage(e))
        {
            // A newer release may use another format.
            return new([], 0, 0, null, "", false);
        }
    }
}

/// <summary>A model of a process.</summary>
internal sealed record ProcessModel(string Name, string Family);
