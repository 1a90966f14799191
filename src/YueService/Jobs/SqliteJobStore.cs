using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Options;
using YueService.Settings;

namespace YueService.Jobs;

/// <summary>Jobs in an SQLite database in WAL mode, in the state folder.</summary>
/// <remarks>One connection, one call at a time: a call takes well under a millisecond besides the wait for the disk.</remarks>
internal sealed class SqliteJobStore(IOptions<JobOptions> options, TimeProvider clock) : IJobStore, IDisposable
{
    // Codes that a song went on from are needed until it is made; lists of finished jobs stay small without them.
    private const string Finished = "finished_ms = $now, request = json_remove(request, '$.song.continue_from')";

    private static readonly TimeSpan GateLimit = TimeSpan.FromSeconds(10);
    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly JobDatabase _database = new(options.Value.StateFolder);

    public Task OpenAsync(CancellationToken cancel) => UseAsync(_ => true, cancel);

    public Task<JobRecord> AddAsync(NewJob job, CancellationToken cancel) => UseAsync(
        connection =>
        {
            using var insert = connection.CreateCommand();
            insert.CommandText = """
                INSERT INTO jobs (id, state, request, idempotency_key, body_hash, created_ms)
                VALUES ($id, 'queued', $request, $key, $hash, $now) RETURNING *
                """;
            insert.Parameters.AddWithValue("$id", job.Id);
            insert.Parameters.AddWithValue("$request", JobRows.ToJson(job.Request));
            insert.Parameters.AddWithValue("$key", (object?)job.Key ?? DBNull.Value);
            insert.Parameters.AddWithValue("$hash", (object?)job.BodyHash ?? DBNull.Value);
            insert.Parameters.AddWithValue("$now", Now());
            try
            {
                return JobRows.Read(insert).Single();
            }
            catch (SqliteException e) when (e.SqliteErrorCode == SQLitePCL.raw.SQLITE_CONSTRAINT)
            {
                throw new InvalidOperationException("The identifier or the idempotency key is taken.", e);
            }
        },
        cancel);

    public Task<JobRecord?> FindAsync(string id, CancellationToken cancel) =>
        UseAsync(connection => Select(connection, "WHERE id = $value", id).SingleOrDefault(), cancel);

    public Task<JobRecord?> FindByKeyAsync(string key, CancellationToken cancel) =>
        UseAsync(connection => Select(connection, "WHERE idempotency_key = $value", key).SingleOrDefault(), cancel);

    public Task<IReadOnlyList<JobRecord>> ListAsync(long? before, int count, CancellationToken cancel) => UseAsync(
        connection => Select(
            connection,
            string.Create(System.Globalization.CultureInfo.InvariantCulture, $"WHERE number < $value ORDER BY number DESC LIMIT {count}"),
            before ?? long.MaxValue),
        cancel);

    public Task<IReadOnlyList<JobRecord>> ListUnfinishedAsync(CancellationToken cancel) => UseAsync(
        connection => Select(connection, "WHERE state IN ('queued', 'running') ORDER BY number", 0), cancel);

    public Task<IReadOnlyList<JobRecord>> ListFinishedAsync(CancellationToken cancel) => UseAsync(
        connection => Select(connection, "WHERE state NOT IN ('queued', 'running') ORDER BY number", 0), cancel);

    public Task SetRunningAsync(string id, CancellationToken cancel) =>
        UpdateAsync("state = 'running', started_ms = $now", id, null, cancel);

    public Task RequeueAsync(string id, bool interrupted, CancellationToken cancel) => UpdateAsync(
        $"state = 'queued', started_ms = NULL, interruptions = interruptions + {(interrupted ? 1 : 0)}", id, null, cancel);

    public Task SucceedAsync(string id, FinishedSong song, CancellationToken cancel) =>
        UpdateAsync($"state = 'succeeded', {Finished}, song = $value", id, JobRows.ToJson(song), cancel);

    public Task FailAsync(string id, JobFault fault, CancellationToken cancel) =>
        UpdateAsync($"state = 'failed', {Finished}, fault = $value", id, JobRows.ToJson(fault), cancel);

    public Task CancelAsync(string id, CancellationToken cancel) => UpdateAsync($"state = 'cancelled', {Finished}", id, null, cancel);

    public Task RemoveAsync(string id, CancellationToken cancel) => UseAsync(
        connection => Execute(connection, "DELETE FROM jobs WHERE id = $id", id, null), cancel);

    public void Dispose()
    {
        _database.Dispose();
        _gate.Dispose();
    }

    private static IReadOnlyList<JobRecord> Select(SqliteConnection connection, string where, object value)
    {
        using var select = connection.CreateCommand();
        select.CommandText = $"SELECT * FROM jobs {where}";
        select.Parameters.AddWithValue("$value", value);
        return JobRows.Read(select);
    }

    private Task<int> UpdateAsync(string set, string id, string? value, CancellationToken cancel) => UseAsync(
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

    private async Task<T> UseAsync<T>(Func<SqliteConnection, T> work, CancellationToken cancel)
    {
        if (!await _gate.WaitAsync(GateLimit, cancel))
        {
            throw new StorageException("The job database is too busy.", new TimeoutException());
        }

        try
        {
            return work(_database.Open());
        }
        catch (SqliteException e)
        {
            _database.Forget(e);
            throw new StorageException(JobDatabase.Describe(e), e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StorageException(StorageFaults.Describe(e), e);
        }
        finally
        {
            _gate.Release();
        }
    }
}
