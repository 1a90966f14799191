using System.Collections.Concurrent;
using System.Data;
using System.Data.Common;
using System.Globalization;
using Microsoft.Extensions.Options;
using YueService.Settings;

namespace YueService.Jobs;

/// <summary>Jobs in the tables of an SQL database. SQLite and PostgreSQL differ in their connections, their schema and a few
/// expressions.</summary>
internal abstract partial class SqlJobLog(IOptions<AccessOptions> access, ILogger logger) : IJobLog
{
    private const string Unfinished = "state IN ('queued', 'running')";
    private readonly ConcurrentDictionary<string, bool> _damaged = new(StringComparer.Ordinal);

    public abstract bool IsNew { get; }

    public virtual bool IsShared => false;

    public virtual string ProcessId => "";

    /// <summary>An expression for the current time in Unix milliseconds.</summary>
    protected abstract string Now { get; }

    /// <summary>The clause that locks a selected row until the transaction ends.</summary>
    protected abstract string ForUpdate { get; }

    /// <summary>The condition for jobs that callers can see.</summary>
    protected abstract string Listed { get; }

    public abstract Task OpenAsync(CancellationToken cancel);

    public async Task<StoredJob?> FindAsync(string id, CancellationToken cancel) =>
        (await SelectAsync("WHERE id = @id", select => select.Bind("id", id), cancel)).SingleOrDefault();

    public async Task<StoredJob?> FindByKeyAsync(string key, string? owner, CancellationToken cancel) =>
        (await SelectAsync($"WHERE {HasKey} {BestMatch}", select => BindKey(select, key, owner), cancel)).SingleOrDefault();

    public Task<StoredGroup?> FindGroupAsync(string id, CancellationToken cancel) =>
        SelectGroupAsync("id = @id", select => select.Bind("id", id), cancel);

    public Task<StoredGroup?> FindGroupByKeyAsync(string key, string? owner, CancellationToken cancel) => SelectGroupAsync(
        $"id = (SELECT id FROM song_groups WHERE {HasKey} {BestMatch})", select => BindKey(select, key, owner), cancel);

    public Task<IReadOnlyList<StoredJob>> ListAsync(JobQuery query, CancellationToken cancel) => ReadAsync(
        async connection =>
        {
            await using var select = Command(connection, "");
            var first = query.Text is null ? "jobs" : "search_texts";
            var conditions = new List<string> { $"{first}.number < @before", Listed };
            select.Bind("before", query.Before ?? long.MaxValue);
            Require("state = @state", "state", query.State?.ToString().ToLowerInvariant());
            Require("parent_id = @parent", "parent", query.ParentId);
            Require(Contains("text", "@text"), "text", query.Text is { } text ? SearchText.Fold(text) : null);
            if (query.IsFavourite is { } favourite)
            {
                conditions.Add(favourite ? "favourite" : "NOT favourite");
            }

            var join = query.Text is null ? "" : $"{SearchJoin} jobs ON jobs.number = search_texts.number";
            select.CommandText = string.Create(CultureInfo.InvariantCulture, $"""
                SELECT jobs.* FROM {first} {join} WHERE {string.Join(" AND ", conditions)}
                ORDER BY {first}.number DESC LIMIT {query.Count}
                """);
            return await RowsAsync(select, cancel);

            void Require(string condition, string parameter, string? value)
            {
                if (value is not null)
                {
                    conditions.Add(condition);
                    select.Bind(parameter, value);
                }
            }
        },
        cancel);

    public Task<StoredJob?> EditAsync(string id, JobEdit edit, CancellationToken cancel) => WriteAsync(
        async connection =>
        {
            await using var update = Command(connection, """
                UPDATE jobs SET
                    title = coalesce(@title, title),
                    favourite = coalesce(@favourite, favourite),
                    note = CASE WHEN @note IS NULL THEN note ELSE nullif(@note, '') END,
                    edits = edits + 1
                WHERE id = @id AND edits = coalesce(@based_on, edits) RETURNING *
                """);
            update.Bind("id", id);
            update.Bind("title", edit.Title);
            update.Bind("favourite", edit.IsFavourite);
            update.Bind("note", edit.Note);
            update.Bind("based_on", edit.BasedOn);
            var job = (await RowsAsync(update, cancel)).SingleOrDefault();
            if (job is { IsDamaged: false } && edit.Title is not null)
            {
                await using var replace = Command(connection, SetSearchText(""));
                replace.Bind("id", job.Id);
                BindSearchText(replace, "", job.Request);
                await replace.ExecuteNonQueryAsync(cancel);
            }

            return job;
        },
        cancel);

    public Task<IReadOnlyList<StoredJob>> ListUnfinishedAsync(CancellationToken cancel) =>
        SelectAsync($"WHERE {Unfinished} AND {Listed} ORDER BY number", _ => { }, cancel);

    public Task<IReadOnlyList<StoredJob>> ListFinishedAsync(CancellationToken cancel) =>
        SelectAsync($"WHERE NOT {Unfinished} AND {Listed} ORDER BY number", _ => { }, cancel);

    public Task<IReadOnlySet<string>> ListIdsAsync(CancellationToken cancel) => ReadAsync<IReadOnlySet<string>>(
        async connection =>
        {
            await using var select = Command(connection, "SELECT id FROM jobs");
            await using var reader = await select.ExecuteReaderAsync(cancel);
            var ids = new HashSet<string>(StringComparer.Ordinal);
            while (await reader.ReadAsync(cancel))
            {
                ids.Add(reader.GetString(0));
            }

            return ids;
        },
        cancel);

    public Task<bool> SetRunningAsync(StoredJob job, CancellationToken cancel) =>
        UpdateAsync(job, $"state = 'running', started_ms = {Now}", _ => { }, cancel);

    public Task<bool> RequeueAsync(StoredJob job, bool interrupted, CancellationToken cancel) => UpdateAsync(
        job, $"state = 'queued', started_ms = NULL, interruptions = interruptions + {(interrupted ? 1 : 0)}{OnRequeue}", _ => { }, cancel);

    public Task<bool> SucceedAsync(StoredJob job, SongOnDisk song, CancellationToken cancel) => EndAsync(
        job,
        JobState.Succeeded,
        "song = @song, files = @files, folder = @folder",
        update =>
        {
            update.Bind("song", JobRows.ToJson(SongRow.Of(song.Song)));
            update.Bind("files", JobRows.ToJson(song.Files));
            update.Bind("folder", song.Folder);
        },
        cancel);

    public Task<bool> FailAsync(StoredJob job, Fault fault, CancellationToken cancel) =>
        EndAsync(job, JobState.Failed, "fault = @fault", update => update.Bind("fault", JobRows.ToJson(fault)), cancel);

    public Task<bool> CancelAsync(StoredJob job, CancellationToken cancel) =>
        EndAsync(job, JobState.Cancelled, "fault = NULL", _ => { }, cancel);

    public Task<bool> SetFileSizeAsync(string id, string file, long bytes, CancellationToken cancel) => WriteAsync(
        async connection =>
        {
            await using var select = Command(connection, $"SELECT files FROM jobs WHERE id = @id {ForUpdate}");
            select.Bind("id", id);
            var files = await select.ExecuteScalarAsync(cancel) is string json ? JobRows.FromJson<Dictionary<string, long>>(json) : [];
            files[file] = bytes;
            await using var update = Command(connection, "UPDATE jobs SET files = @files WHERE id = @id");
            update.Bind("id", id);
            update.Bind("files", JobRows.ToJson(files));
            return await update.ExecuteNonQueryAsync(cancel) > 0;
        },
        cancel);

    public Task<bool> RemoveAsync(string id, CancellationToken cancel) => ExecuteAsync(
        "DELETE FROM jobs WHERE id = @id", delete => delete.Bind("id", id), cancel);

    /// <summary>Runs work that only reads.</summary>
    protected abstract Task<T> ReadAsync<T>(Func<DbConnection, Task<T>> work, CancellationToken cancel);

    /// <summary>Runs work in a transaction.</summary>
    protected abstract Task<T> WriteAsync<T>(Func<DbConnection, Task<T>> work, CancellationToken cancel);

    /// <summary>Runs work that is a single command, in a transaction.</summary>
    protected virtual Task<T> WriteOnceAsync<T>(Func<DbConnection, Task<T>> work, CancellationToken cancel) => WriteAsync(work, cancel);

    /// <summary>Returns the condition that a column contains the given text.</summary>
    protected abstract string Contains(string column, string text);

    /// <summary>The operator that joins the search texts with their jobs.</summary>
    protected abstract string SearchJoin { get; }

    /// <summary>Additional assignments when a job is queued again; begins with a comma unless empty.</summary>
    protected virtual string OnRequeue => "";

    /// <summary>Returns true if a statement failed because it violated a unique constraint.</summary>
    protected abstract bool IsConflict(DbException e);

    /// <summary>Returns a command on a connection, in its transaction if it has one.</summary>
    protected static DbCommand Command(DbConnection connection, string text)
    {
        var command = connection.CreateCommand();
        command.CommandText = text;
        return command;
    }

    /// <summary>Runs a single statement.</summary>
    /// <returns>True if it changed a row.</returns>
    protected Task<bool> ExecuteAsync(string statement, Action<DbCommand> bind, CancellationToken cancel) => WriteOnceAsync(
        async connection =>
        {
            await using var command = Command(connection, statement);
            bind(command);
            return await command.ExecuteNonQueryAsync(cancel) > 0;
        },
        cancel);

    /// <summary>Returns the jobs that a command selects. A damaged row is returned as a failed job.</summary>
    protected Task<IReadOnlyList<StoredJob>> RowsAsync(DbCommand command, CancellationToken cancel) =>
        JobRows.ReadAsync(command, NoteDamage, cancel);

    private Task<StoredGroup?> SelectGroupAsync(string which, Action<DbCommand> bind, CancellationToken cancel) => ReadAsync<StoredGroup?>(
        async connection =>
        {
            // A single statement, so that the group and its jobs are from the same moment.
            await using var select = Command(connection, $"""
                SELECT song_groups.id AS its_id, song_groups.body_hash AS its_hash, song_groups.created_ms AS its_ms, jobs.*
                FROM song_groups JOIN jobs ON jobs.group_id = song_groups.id
                WHERE song_groups.{which} ORDER BY jobs.take
                """);
            bind(select);
            (string Id, string? Hash, long CreatedMs)? group = null;
            var jobs = await JobRows.ReadAsync(
                select,
                NoteDamage,
                cancel,
                row => group = (row.GetString(0), row.IsDBNull(1) ? null : row.GetString(1), row.GetInt64(2)));
            return group is { } its
                ? new StoredGroup(its.Id, its.Hash, DateTimeOffset.FromUnixTimeMilliseconds(its.CreatedMs), jobs)
                : null;
        },
        cancel);

    private Task<IReadOnlyList<StoredJob>> SelectAsync(string where, Action<DbCommand> bind, CancellationToken cancel) => ReadAsync(
        async connection =>
        {
            await using var select = Command(connection, $"SELECT * FROM jobs {where}");
            bind(select);
            return await RowsAsync(select, cancel);
        },
        cancel);

    /// <summary>Returns the statement that sets the search text of the job whose parameter names end in <paramref name="n"/>, which is
    /// empty for a command with one job.</summary>
    private static string SetSearchText(string n) => $"""
        INSERT INTO search_texts (number, text) SELECT number, @text{n} FROM jobs WHERE id = @id{n}
        ON CONFLICT (number) DO UPDATE SET text = excluded.text
        """;

    private static void BindSearchText(DbCommand command, string n, JobRequest request) =>
        command.Bind("text" + n, SearchText.Of(request.Title, request.Song.Genre, request.Song.Lyrics));

    private Task<bool> EndAsync(StoredJob job, JobState state, string set, Action<DbCommand> bind, CancellationToken cancel) => UpdateAsync(
        job,
        $"state = '{state.ToString().ToLowerInvariant()}', finished_ms = {Now}, request = coalesce(@request, request), {set}",
        update =>
        {
            // The codes that a song continues are needed only until the song has been made; lists of finished jobs stay small without them.
            var hasCodes = job.Request.Song.ContinueFrom is not null;
            var without = job.Request with { Song = job.Request.Song with { ContinueFrom = null } };
            update.Bind("request", hasCodes ? JobRows.ToJson(RequestRow.Of(without)) : null);
            bind(update);
        },
        cancel);

    /// <summary>Changes an unfinished job, unless an attempt later than that of <paramref name="job"/> has begun.</summary>
    private Task<bool> UpdateAsync(StoredJob job, string set, Action<DbCommand> bind, CancellationToken cancel) => ExecuteAsync(
        $"UPDATE jobs SET {set} WHERE id = @id AND attempt = @attempt AND {Unfinished}",
        update =>
        {
            update.Bind("id", job.Id);
            update.Bind("attempt", (long)job.Attempt);
            bind(update);
        },
        cancel);

    /// <summary>Logs a damaged row once.</summary>
    private void NoteDamage(string id, Exception exception)
    {
        if (_damaged.TryAdd(id, true))
        {
            LogDamaged(logger, exception, id);
        }
    }

    [LoggerMessage(LogLevel.Error, "The row of job {JobId} is damaged; the job is shown as failed, and can be deleted")]
    private static partial void LogDamaged(ILogger logger, Exception exception, string jobId);
}

/// <summary>Extension methods for typed parameters; PostgreSQL needs the type of null values.</summary>
internal static class CommandParameters
{
    /// <remarks>Removes NUL characters, which text in PostgreSQL cannot contain.</remarks>
    public static void Bind(this DbCommand command, string name, string? value) =>
        Bind(command, name, value?.Replace("\0", "", StringComparison.Ordinal), DbType.String);

    public static void Bind(this DbCommand command, string name, long? value) => Bind(command, name, value, DbType.Int64);

    public static void Bind(this DbCommand command, string name, bool? value) => Bind(command, name, value, DbType.Boolean);

    private static void Bind(DbCommand command, string name, object? value, DbType type)
    {
        var parameter = command.CreateParameter();
        (parameter.ParameterName, parameter.DbType, parameter.Value) = (name, type, value ?? DBNull.Value);
        command.Parameters.Add(parameter);
    }
}
