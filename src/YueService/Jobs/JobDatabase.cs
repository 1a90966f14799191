using System.Globalization;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace YueService.Jobs;

/// <summary>A connection to <c>jobs.db</c>, opened at its first use and
/// again after a failure. Not safe for several threads at once.</summary>
/// <param name="folder">The folder that the database is in.</param>
/// <param name="isWriter">Whether the connection creates the database and brings its schema up to date.</param>
internal sealed class JobDatabase(StateFolder folder, bool isWriter) : IDisposable
{
    private const int SchemaVersion = 3;
    private const int BusySeconds = 1;

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
        """;

    // Version 2 stores the sizes of a job's files.
    private const string ToVersion2 = "ALTER TABLE jobs ADD COLUMN files TEXT;";

    // Version 3 stores the kind of a fault. Before, it was the name of a problem type, with the title of that type.
    private const string ToVersion3 = """
        UPDATE jobs
        SET fault = json_object(
            'kind', replace(replace(json_extract(fault, '$.type'), 'urn:yue:', ''), '-', '_'),
            'detail', json_extract(fault, '$.detail'))
        WHERE json_valid(fault);
        """;

    private SqliteConnection? _connection;
    private bool _wasOpen;

    /// <summary>True if this process created the database.</summary>
    public bool IsNew { get; private set; }

    /// <summary>Writes to the database and changes nothing.</summary>
    public static string Probe { get; } = string.Create(CultureInfo.InvariantCulture, $"PRAGMA user_version = {SchemaVersion}");

    /// <summary>Returns the open connection.</summary>
    /// <exception cref="StorageException">The folder cannot be used.</exception>
    public SqliteConnection Open()
    {
        folder.Claim();
        var path = folder["jobs.db"];
        if (_wasOpen && !File.Exists(path))
        {
            throw StateFolder.Lost();
        }

        if (_connection is not null)
        {
            return _connection;
        }

        var connection = new SqliteConnection(new SqliteConnectionStringBuilder
        {
            DataSource = path,
            Mode = isWriter && !_wasOpen ? SqliteOpenMode.ReadWriteCreate : SqliteOpenMode.ReadWrite,
            DefaultTimeout = BusySeconds,
            Pooling = false,
        }.ConnectionString);
        try
        {
            connection.Open();
            if (isWriter)
            {
                Prepare(connection);
            }
        }
        catch (Exception e) when (e is SqliteException or StorageException)
        {
            connection.Dispose();
            throw;
        }

        _wasOpen = true;
        return _connection = connection;
    }

    /// <summary>Closes the connection after an error that it may not recover from. A lock of another program passes by itself.</summary>
    public void Forget(SqliteException error)
    {
        if (error.SqliteErrorCode is not (raw.SQLITE_BUSY or raw.SQLITE_LOCKED or raw.SQLITE_CONSTRAINT))
        {
            _connection?.Dispose();
            _connection = null;
        }
    }

    public void Dispose() => _connection?.Dispose();

    private void Prepare(SqliteConnection connection)
    {
        using var command = connection.CreateCommand();
        command.CommandText = "PRAGMA user_version";
        var version = Convert.ToInt32(command.ExecuteScalar(), CultureInfo.InvariantCulture);
        if (version > SchemaVersion)
        {
            throw new StorageException(
                $"jobs.db has schema {version}, and this release knows {SchemaVersion}: a later release wrote it. "
                + "Install that release, or choose another Yue:StateFolder.");
        }

        command.CommandText = $"{Schema}\n{(version < 2 ? ToVersion2 : "")}\n{(version < 3 ? ToVersion3 : "")}\n{Probe};\nCOMMIT;";
        command.ExecuteNonQuery();
        IsNew |= version == 0;
    }
}
