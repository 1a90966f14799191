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
    private const int SchemaVersion = 6;
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

    // Version 3 stores what users say about a song, where it came from, and the text to search. It stores the kind of a fault; before,
    // that was the name of a problem type, with the title of that type. The text is in a table of its own, so that a search reads
    // nothing else.
    private const string ToVersion3 = """
        ALTER TABLE jobs ADD COLUMN title TEXT;
        ALTER TABLE jobs ADD COLUMN note TEXT;
        ALTER TABLE jobs ADD COLUMN favourite INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE jobs ADD COLUMN edits INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE jobs ADD COLUMN parent_id TEXT;
        CREATE INDEX jobs_by_favourite ON jobs (number) WHERE favourite;
        CREATE INDEX jobs_by_parent ON jobs (parent_id, number) WHERE parent_id IS NOT NULL;
        CREATE TABLE search_texts (number INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;
        CREATE TRIGGER jobs_removed AFTER DELETE ON jobs BEGIN DELETE FROM search_texts WHERE number = old.number; END;
        INSERT INTO search_texts
        SELECT number, search_text(json_extract(request, '$.song.genre'), json_extract(request, '$.song.lyrics'))
        FROM jobs WHERE json_valid(request);
        UPDATE jobs
        SET fault = json_object(
            'kind', replace(replace(json_extract(fault, '$.type'), 'urn:yue:', ''), '-', '_'),
            'detail', json_extract(fault, '$.detail'))
        WHERE json_valid(fault);
        """;

    // Version 4 stores groups of takes. A group is removed with its last job.
    private const string ToVersion4 = """
        CREATE TABLE song_groups (
            id TEXT PRIMARY KEY,
            idempotency_key TEXT UNIQUE,
            body_hash TEXT,
            created_ms INTEGER NOT NULL
        ) STRICT;
        ALTER TABLE jobs ADD COLUMN group_id TEXT;
        ALTER TABLE jobs ADD COLUMN take INTEGER;
        CREATE INDEX jobs_by_group ON jobs (group_id, take) WHERE group_id IS NOT NULL;
        CREATE TRIGGER takes_removed AFTER DELETE ON jobs WHEN old.group_id IS NOT NULL BEGIN
            DELETE FROM song_groups WHERE id = old.group_id AND NOT EXISTS (SELECT 1 FROM jobs WHERE group_id = old.group_id);
        END;
        """;

    // Version 5 stores the callbacks of jobs, and the webhooks that are to be sent to them. A webhook is due with the end of its job.
    private const string ToVersion5 = """
        ALTER TABLE jobs ADD COLUMN callback_url TEXT;
        CREATE TABLE webhooks (job_id TEXT PRIMARY KEY, attempts INTEGER NOT NULL, next_ms INTEGER NOT NULL) STRICT;
        CREATE INDEX webhooks_by_time ON webhooks (next_ms);
        CREATE TRIGGER callbacks_due AFTER UPDATE OF state ON jobs
        WHEN new.callback_url IS NOT NULL AND old.state IN ('queued', 'running') AND new.state NOT IN ('queued', 'running') BEGIN
            INSERT OR IGNORE INTO webhooks (job_id, attempts, next_ms) VALUES (new.id, 0, 0);
        END;
        CREATE TRIGGER callbacks_removed AFTER DELETE ON jobs WHEN old.callback_url IS NOT NULL BEGIN
            DELETE FROM webhooks WHERE job_id = old.id;
        END;
        """;

    // Version 6 stores attempts and folders, as the database of many machines does.
    private const string ToVersion6 = """
        ALTER TABLE jobs ADD COLUMN attempt INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE jobs ADD COLUMN folder TEXT;
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
        connection.CreateFunction<string?, string?, string>(
            "search_text", (genre, lyrics) => SearchText.Of(title: null, genre ?? "", lyrics ?? ""), isDeterministic: true);
        using var command = connection.CreateCommand();
        command.CommandText = "PRAGMA user_version";
        var version = Convert.ToInt32(command.ExecuteScalar(), CultureInfo.InvariantCulture);
        if (version > SchemaVersion)
        {
            throw new StorageException(
                $"jobs.db has schema {version}, and this release knows {SchemaVersion}: a later release wrote it. "
                + "Install that release, or choose another Yue:StateFolder.");
        }

        var steps = new[] { ToVersion2, ToVersion3, ToVersion4, ToVersion5, ToVersion6 }.Skip(Math.Max(0, version - 1));
        command.CommandText = $"{Schema}\n{string.Join('\n', steps)}\n{Probe};\nCOMMIT;";
        command.ExecuteNonQuery();
        IsNew |= version == 0;
    }
}
