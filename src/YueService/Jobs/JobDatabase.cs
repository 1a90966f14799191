using System.Globalization;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace YueService.Jobs;

/// <summary>A connection to <c>jobs.db</c>, opened on first use and again after a failure. Not thread-safe.</summary>
/// <param name="folder">The folder that the database is in.</param>
/// <param name="isWriter">True if the connection creates the database and brings its schema up to date.</param>
internal sealed class JobDatabase(StateFolder folder, bool isWriter) : IDisposable
{
    private const int BusySeconds = 1;

    private SqliteConnection? _connection;
    private bool _wasOpen;

    /// <summary>True if this process created the database.</summary>
    public bool IsNew { get; private set; }

    /// <summary>A statement that writes the schema's version. Once the schema is up to date, it only tests whether writes
    /// succeed.</summary>
    public static string Probe { get; } = string.Create(CultureInfo.InvariantCulture, $"PRAGMA user_version = {JobSchema.Version}");

    /// <summary>The name of an SQL function that returns whether one string contains another.</summary>
    /// <remarks>SQLite's <c>instr</c> compares byte by byte, which would take most of the time of a search.</remarks>
    public const string Contains = "contains_text";

    /// <summary>Returns the open connection.</summary>
    /// <exception cref="StorageException">The folder cannot be used, or a later release wrote the database.</exception>
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
            AddContains(connection);
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

    /// <summary>Closes the connection after an error from which it may not recover. It stays open if another program holds a lock or a
    /// constraint was violated.</summary>
    public void Forget(SqliteException error)
    {
        if (error.SqliteErrorCode is not (raw.SQLITE_BUSY or raw.SQLITE_LOCKED or raw.SQLITE_CONSTRAINT))
        {
            _connection?.Dispose();
            _connection = null;
        }
    }

    public void Dispose() => _connection?.Dispose();

    private static void AddContains(SqliteConnection connection)
    {
        var code = raw.sqlite3_create_function(connection.Handle, Contains, 2, raw.SQLITE_UTF8 | raw.SQLITE_DETERMINISTIC, null, Run);
        SqliteException.ThrowExceptionForRC(code, connection.Handle);

        // In valid UTF-8, the bytes of a string occur only where the string itself occurs. Microsoft.Data.Sqlite would decode both.
        static void Run(sqlite3_context context, object state, sqlite3_value[] texts) => raw.sqlite3_result_int(
            context, raw.sqlite3_value_blob(texts[0]).IndexOf(raw.sqlite3_value_blob(texts[1])) >= 0 ? 1 : 0);
    }

    private void Prepare(SqliteConnection connection)
    {
        connection.CreateFunction<string?, string?, string>(
            "search_text", (genre, lyrics) => SearchText.Of(title: null, genre ?? "", lyrics ?? ""), isDeterministic: true);
        using var command = connection.CreateCommand();
        command.CommandText = "PRAGMA user_version";
        var version = Convert.ToInt32(command.ExecuteScalar(), CultureInfo.InvariantCulture);
        if (version > JobSchema.Version)
        {
            throw new StorageException(
                $"jobs.db has schema {version}, but this release supports {JobSchema.Version}: a later release wrote it. "
                + "Install that release, or choose another Yue:StateFolder.");
        }

        command.CommandText = $"{JobSchema.From(version)}\n{Probe};\nCOMMIT;";
        command.ExecuteNonQuery();
        IsNew |= version == 0;
    }
}
