using System.Collections.Concurrent;
using System.Globalization;
using Microsoft.Data.Sqlite;

namespace YueService.Jobs;

/// <summary>Jobs in an SQLite database in WAL mode, in the state folder.</summary>
/// <remarks>One connection for writes and one for reads, each with one call at a time: a write that waits for another program's lock
/// or for the disk delays no read.</remarks>
internal sealed partial class SqliteJobLog(StateFolder folder, TimeProvider clock, ILogger<SqliteJobLog> logger) : IJobLog, IDisposable
{
    // Codes that a song went on from are needed until it is made; lists of finished jobs stay small without them.
    private const string Finished = """
        finished_ms = $now,
        request = CASE WHEN json_valid(request) THEN json_remove(request, '$.song.continue_from') ELSE request END
        """;

    private static readonly TimeSpan GateLimit = TimeSpan.FromSeconds(10);
    private readonly Lane _writes = new(new JobDatabase(folder, isWriter: true));
    private readonly Lane _reads = new(new JobDatabase(folder, isWriter: false));
    private readonly ConcurrentDictionary<string, bool> _damaged = new(StringComparer.Ordinal);

    public bool IsNew => _writes.Database.IsNew;

    public Task OpenAsync(CancellationToken cancel) =>
        _writes.UseAsync(connection => Execute(connection, JobDatabase.Probe, "", null), cancel);

    public Task<IReadOnlyList<StoredJob>> AddAsync(IReadOnlyList<NewJob> jobs, NewGroup? group, CancellationToken cancel) =>
        _writes.UseAsync<IReadOnlyList<StoredJob>>(
            connection =>
            {
                using var transaction = connection.BeginTransaction();
                try
                {
                    if (group is not null)
                    {
                        Insert(connection, group);
                    }

                    StoredJob[] stored = [.. jobs.Select(job => Insert(connection, job))];
                    transaction.Commit();
                    return stored;
                }
                catch (SqliteException e) when (e.SqliteErrorCode == SQLitePCL.raw.SQLITE_CONSTRAINT)
                {
                    throw new InvalidOperationException("The identifier or the idempotency key is taken.", e);
                }
            },
            cancel);

    public Task<StoredJob?> FindAsync(string id, CancellationToken cancel) =>
        _reads.UseAsync(connection => Select(connection, "WHERE id = $value", id).SingleOrDefault(), cancel);

    public Task<StoredJob?> FindByKeyAsync(string key, CancellationToken cancel) =>
        _reads.UseAsync(connection => Select(connection, "WHERE idempotency_key = $value", key).SingleOrDefault(), cancel);

    public Task<StoredGroup?> FindGroupAsync(string id, CancellationToken cancel) =>
        _reads.UseAsync(connection => SelectGroup(connection, "id = $value", id), cancel);

    public Task<StoredGroup?> FindGroupByKeyAsync(string key, CancellationToken cancel) =>
        _reads.UseAsync(connection => SelectGroup(connection, "idempotency_key = $value", key), cancel);

    public Task<IReadOnlyList<StoredJob>> ListAsync(JobQuery query, CancellationToken cancel) =>
        _reads.UseAsync(connection => Select(connection, query), cancel);

    public Task<StoredJob?> EditAsync(string id, JobEdit edit, CancellationToken cancel) => _writes.UseAsync(
        connection =>
        {
            using var transaction = connection.BeginTransaction();
            using var update = connection.CreateCommand();
            update.CommandText = """
                UPDATE jobs SET
                    title = coalesce($title, title),
                    favourite = coalesce($favourite, favourite),
                    note = CASE WHEN $note IS NULL THEN note ELSE nullif($note, '') END,
                    edits = edits + 1
                WHERE id = $id AND edits = coalesce($based_on, edits) RETURNING *
                """;
            update.Parameters.AddWithValue("$id", id);
            update.Parameters.AddWithValue("$title", (object?)edit.Title ?? DBNull.Value);
            update.Parameters.AddWithValue("$favourite", (object?)edit.IsFavourite ?? DBNull.Value);
            update.Parameters.AddWithValue("$note", (object?)edit.Note ?? DBNull.Value);
            update.Parameters.AddWithValue("$based_on", (object?)edit.BasedOn ?? DBNull.Value);
            var job = JobRows.Read(update, NoteDamage).SingleOrDefault();
            if (job is { IsDamaged: false } && edit.Title is not null)
            {
                SetSearchText(connection, job);
            }

            transaction.Commit();
            return job;
        },
        cancel);

    public Task<IReadOnlyList<StoredJob>> ListUnfinishedAsync(CancellationToken cancel) => _reads.UseAsync(
        connection => Select(connection, "WHERE state IN ('queued', 'running') ORDER BY number", 0), cancel);

    public Task<IReadOnlySet<string>> ListIdsAsync(CancellationToken cancel) => _reads.UseAsync(ReadIds, cancel);

    public Task<IReadOnlyList<StoredJob>> ListFinishedAsync(CancellationToken cancel) => _reads.UseAsync(
        connection => Select(connection, "WHERE state NOT IN ('queued', 'running') ORDER BY number", 0), cancel);

    public Task SetRunningAsync(string id, CancellationToken cancel) =>
        UpdateAsync("state = 'running', started_ms = $now", id, null, cancel);

    public Task RequeueAsync(string id, bool interrupted, CancellationToken cancel) => UpdateAsync(
        $"state = 'queued', started_ms = NULL, interruptions = interruptions + {(interrupted ? 1 : 0)}", id, null, cancel);

    public Task SucceedAsync(string id, SongOnDisk song, CancellationToken cancel) => UpdateAsync(
        $"state = 'succeeded', {Finished}, song = $value -> 'song', files = $value -> 'files'", id, SongFolder.Describe(song), cancel);

    public Task SetFileSizeAsync(string id, string file, long bytes, CancellationToken cancel) => UpdateAsync(
        string.Create(CultureInfo.InvariantCulture, $"files = json_set(coalesce(files, '{{}}'), '$.\"' || $value || '\"', {bytes})"),
        id, file, cancel);

    public Task FailAsync(string id, Fault fault, CancellationToken cancel) =>
        UpdateAsync($"state = 'failed', {Finished}, fault = $value", id, JobRows.ToJson(fault), cancel);

    public Task CancelAsync(string id, CancellationToken cancel) => UpdateAsync($"state = 'cancelled', {Finished}", id, null, cancel);

    public Task RemoveAsync(string id, CancellationToken cancel) => _writes.UseAsync(
        connection => Execute(connection, "DELETE FROM jobs WHERE id = $id", id, null), cancel);

    public void Dispose()
    {
        _writes.Dispose();
        _reads.Dispose();
        folder.Dispose();
    }

    private void Insert(SqliteConnection connection, NewGroup group)
    {
        using var insert = connection.CreateCommand();
        insert.CommandText = "INSERT INTO song_groups (id, idempotency_key, body_hash, created_ms) VALUES ($id, $key, $hash, $now)";
        insert.Parameters.AddWithValue("$id", group.Id);
        insert.Parameters.AddWithValue("$key", (object?)group.Key ?? DBNull.Value);
        insert.Parameters.AddWithValue("$hash", (object?)group.BodyHash ?? DBNull.Value);
        insert.Parameters.AddWithValue("$now", Now());
        insert.ExecuteNonQuery();
    }

    private StoredJob Insert(SqliteConnection connection, NewJob job)
    {
        using var insert = connection.CreateCommand();
        insert.CommandText = """
            INSERT INTO jobs (
                id, state, request, idempotency_key, body_hash, created_ms, files, title, parent_id, group_id, take, callback_url)
            VALUES ($id, 'queued', $request, $key, $hash, $now, $files, $title, $parent, $group, $take, $callback) RETURNING *
            """;
        insert.Parameters.AddWithValue("$id", job.Id);
        insert.Parameters.AddWithValue("$request", JobRows.ToJson(RequestRow.Of(job.Request)));
        insert.Parameters.AddWithValue("$key", (object?)job.Key ?? DBNull.Value);
        insert.Parameters.AddWithValue("$hash", (object?)job.BodyHash ?? DBNull.Value);
        insert.Parameters.AddWithValue("$now", Now());
        insert.Parameters.AddWithValue("$files", job.Files is { } files ? JobRows.ToJson(files) : DBNull.Value);
        insert.Parameters.AddWithValue("$title", (object?)job.Request.Title ?? DBNull.Value);
        insert.Parameters.AddWithValue("$parent", (object?)job.Request.ParentId ?? DBNull.Value);
        insert.Parameters.AddWithValue("$group", (object?)job.Take?.GroupId ?? DBNull.Value);
        insert.Parameters.AddWithValue("$take", (object?)job.Take?.Number ?? DBNull.Value);
        insert.Parameters.AddWithValue("$callback", (object?)job.Request.CallbackUrl ?? DBNull.Value);
        var stored = JobRows.Read(insert, NoteDamage).Single();
        SetSearchText(connection, stored);
        return stored;
    }

    private StoredGroup? SelectGroup(SqliteConnection connection, string condition, string value)
    {
        // The group and its jobs are read as of one moment.
        using var transaction = connection.BeginTransaction(deferred: true);
        using var select = connection.CreateCommand();
        select.CommandText = $"SELECT id, body_hash, created_ms FROM song_groups WHERE {condition}";
        select.Parameters.AddWithValue("$value", value);
        using var reader = select.ExecuteReader();
        if (!reader.Read())
        {
            return null;
        }

        var id = reader.GetString(0);
        return new(
            id,
            reader.IsDBNull(1) ? null : reader.GetString(1),
            DateTimeOffset.FromUnixTimeMilliseconds(reader.GetInt64(2)),
            Select(connection, "WHERE group_id = $value ORDER BY take", id));
    }

    private IReadOnlyList<StoredJob> Select(SqliteConnection connection, string where, object value)
    {
        using var select = connection.CreateCommand();
        select.CommandText = $"SELECT * FROM jobs {where}";
        select.Parameters.AddWithValue("$value", value);
        return JobRows.Read(select, NoteDamage);
    }

    private IReadOnlyList<StoredJob> Select(SqliteConnection connection, JobQuery query)
    {
        using var select = connection.CreateCommand();
        var first = query.Text is null ? "jobs" : "search_texts";
        var conditions = new List<string> { $"{first}.number < $before" };
        select.Parameters.AddWithValue("$before", query.Before ?? long.MaxValue);
        Require("state = $state", "$state", query.State?.ToString().ToLowerInvariant());
        Require(query.IsFavourite == true ? "favourite" : "NOT favourite", "$favourite", query.IsFavourite);
        Require("parent_id = $parent", "$parent", query.ParentId);
        Require("instr(text, $text)", "$text", query.Text is { } text ? SearchText.Fold(text) : null);

        // CROSS JOIN keeps this order: the texts are read from the newest on, and a job only where its text has the words.
        var join = query.Text is null ? "" : "CROSS JOIN jobs ON jobs.number = search_texts.number";
        select.CommandText = string.Create(
            CultureInfo.InvariantCulture,
            $"SELECT jobs.* FROM {first} {join} WHERE {string.Join(" AND ", conditions)} ORDER BY {first}.number DESC LIMIT {query.Count}");
        return JobRows.Read(select, NoteDamage);

        void Require(string condition, string parameter, object? value)
        {
            if (value is not null)
            {
                conditions.Add(condition);
                select.Parameters.AddWithValue(parameter, value);
            }
        }
    }

    private static void SetSearchText(SqliteConnection connection, StoredJob job)
    {
        using var replace = connection.CreateCommand();
        replace.CommandText = "INSERT OR REPLACE INTO search_texts (number, text) VALUES ($number, $text)";
        replace.Parameters.AddWithValue("$number", job.Number);
        replace.Parameters.AddWithValue("$text", SearchText.Of(job.Request.Title, job.Request.Song.Genre, job.Request.Song.Lyrics));
        replace.ExecuteNonQuery();
    }

    private static IReadOnlySet<string> ReadIds(SqliteConnection connection)
    {
        using var select = connection.CreateCommand();
        select.CommandText = "SELECT id FROM jobs";
        using var reader = select.ExecuteReader();
        var ids = new HashSet<string>(StringComparer.Ordinal);
        while (reader.Read())
        {
            ids.Add(reader.GetString(0));
        }

        return ids;
    }

    private Task<int> UpdateAsync(string set, string id, string? value, CancellationToken cancel) => _writes.UseAsync(
        connection => Execute(connection, $"UPDATE jobs SET {set} WHERE id = $id", id, value), cancel);

    private int Execute(SqliteConnection connection, string statement, string id, string? value)
    {
        using var command = connection.CreateCommand();
        command.CommandText = statement;
        command.Parameters.AddWithValue("$id", id);
        command.Parameters.AddWithValue("$now", Now());
        command.Parameters.AddWithValue("$value", (object?)value ?? DBNull.Value);
        return command.ExecuteNonQuery();
    }

    private long Now() => clock.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>Logs a damaged row once.</summary>
    private void NoteDamage(string id, Exception exception)
    {
        if (_damaged.TryAdd(id, true))
        {
            LogDamaged(exception, id);
        }
    }

    [LoggerMessage(LogLevel.Error, "The row of job {JobId} is damaged; the job is shown as failed, and can be deleted")]
    private partial void LogDamaged(Exception exception, string jobId);

    /// <summary>A connection that one call uses at a time.</summary>
    private sealed class Lane(JobDatabase database) : IDisposable
    {
        private readonly SemaphoreSlim _gate = new(1, 1);

        public JobDatabase Database => database;

        public async Task<T> UseAsync<T>(Func<SqliteConnection, T> work, CancellationToken cancel)
        {
            if (!await _gate.WaitAsync(GateLimit, cancel))
            {
                throw new StorageException("The job database is too busy.", new TimeoutException());
            }

            try
            {
                return StorageFaults.Guard(() => work(database.Open()));
            }
            catch (SqliteException e)
            {
                database.Forget(e);
                throw new StorageException(StorageFaults.DescribeSqlite(e.SqliteErrorCode), e);
            }
            finally
            {
                _gate.Release();
            }
        }

        /// <summary>Waits for the call that uses the connection, then closes it.</summary>
        public void Dispose()
        {
            _gate.Wait(GateLimit);
            database.Dispose();
            _gate.Release();
        }
    }
}
