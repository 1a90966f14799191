using System.Globalization;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace YueService.Jobs;

/// <summary>The connection to <c>jobs.db</c>, opened when first used and again after a failure. Not safe for several threads at once.</summary>
/// <param name="folder">The state folder, made when missing.</param>
internal sealed class JobDatabase(string folder) : IDisposable
{
    private const int SchemaVersion = 1;
    private const int BusySeconds = 2;

    // A commit returns when the disk has it (synchronous FULL): a finished song also outlives a power cut.
    private const string Schema = """
        PRAGMA journal_mode = WAL;
        PRAGMA synchronous = FULL;
        BEGIN IMMEDIATE;
        CREATE TABLE IF NOT EXISTS jobs (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            state TEXT NOT NULL,
            request TEXT NOT NULL,
            idempotency_key TEXT UNIQUE,
            body_hash TEXT,
            created_ms INTEGER NOT NULL,
            started_ms INTEGER,
            finished_ms INTEGER,
            interruptions INTEGER NOT NULL DEFAULT 0,
            fault TEXT,
            song TEXT
        ) STRICT;
        CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, number);
        PRAGMA user_version = 1;
        COMMIT;
        """;

    private FileStream? _lock;
    private SqliteConnection? _connection;

    /// <summary>The open connection.</summary>
    /// <exception cref="IOException">The folder cannot be written, or another process has it.</exception>
    public SqliteConnection Open()
    {
        if (_connection is not null)
        {
            return _connection;
        }

        Directory.CreateDirectory(folder);
        _lock ??= Lock(Path.Combine(folder, "lock"));
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder
        {
            DataSource = Path.Combine(folder, "jobs.db"),
            DefaultTimeout = BusySeconds,
            Pooling = false,
        }.ConnectionString);
        try
        {
            connection.Open();
            Prepare(connection);
        }
        catch (SqliteException)
        {
            connection.Dispose();
            throw;
        }

        return _connection = connection;
    }

    /// <summary>Closes the connection after an error that it may not get over; a lock of another program passes by itself.</summary>
    public void Forget(SqliteException error)
    {
        if (error.SqliteErrorCode is not (raw.SQLITE_BUSY or raw.SQLITE_LOCKED or raw.SQLITE_CONSTRAINT))
        {
            _connection?.Dispose();
            _connection = null;
        }
    }

    /// <summary>What is wrong, for callers.</summary>
    public static string Describe(SqliteException error) => StorageFaults.DescribeSqlite(error.SqliteErrorCode);

    public void Dispose()
    {
        _connection?.Dispose();
        _lock?.Dispose();
    }

    private static void Prepare(SqliteConnection connection)
    {
        using var command = connection.CreateCommand();
        command.CommandText = "PRAGMA user_version";
        var version = Convert.ToInt32(command.ExecuteScalar(), CultureInfo.InvariantCulture);
        if (version > SchemaVersion)
        {
            throw new SqliteException(
                $"jobs.db has schema {version}, and this release knows {SchemaVersion}; it is of a later release.", raw.SQLITE_ERROR);
        }

        command.CommandText = Schema;
        command.ExecuteNonQuery();
    }

    /// <summary>A lock that the system frees when the process ends: two processes would run the same jobs.</summary>
    private static FileStream Lock(string path) => new(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
}
