using System.Data;
using System.Net.Sockets;
using Npgsql;

namespace YueService.Jobs.Shared;

/// <summary>The connections to the database that several processes share. Every error except the violation of a unique constraint is
/// thrown as a <see cref="StorageException"/>.</summary>
internal sealed class PostgresDatabase : IAsyncDisposable, IDisposable
{
    private const int ConnectSeconds = 5;
    private const int CommandSeconds = 15;

    /// <summary>The time, in seconds, after which the server ends a transaction whose client sends nothing. A process that stops in the
    /// middle of a transaction, because its machine is paused or lost, would otherwise keep its locks, and no other process could take its
    /// jobs.</summary>
    private const int IdleTransactionSeconds = 5;

    private readonly Lazy<NpgsqlDataSource> _connections;
    private readonly TimeProvider _clock;
    private long _reachedAt;
    private bool _isReached;

    /// <summary>Creates the pool without opening a connection.</summary>
    /// <param name="settings">An Npgsql connection string.</param>
    /// <param name="clock">Measures how long the database has been reachable.</param>
    public PostgresDatabase(string settings, TimeProvider clock)
    {
        _clock = clock;
        var parts = new NpgsqlConnectionStringBuilder(settings);
        SetUnlessNamed(parts, "Timeout", ConnectSeconds);
        SetUnlessNamed(parts, "Command Timeout", CommandSeconds);
        SetUnlessNamed(parts, "Application Name", "yue");
        SetUnlessNamed(parts, "Keepalive", 10);
        parts.Options = $"-c idle_in_transaction_session_timeout={IdleTransactionSeconds}s {parts.Options}";
        Place = $"{parts.Host}, database {parts.Database ?? parts.Username}";
        _connections = new(() => NpgsqlDataSource.Create(parts));
    }

    /// <summary>The host and the name of the database, for messages.</summary>
    public string Place { get; }

    /// <summary>The time for which every call has reached the database; zero if the last call did not.</summary>
    public TimeSpan ReachedFor => Volatile.Read(ref _isReached) ? _clock.GetElapsedTime(Volatile.Read(ref _reachedAt)) : TimeSpan.Zero;

    /// <summary>Runs work on a connection.</summary>
    public async Task<T> UseAsync<T>(Func<NpgsqlConnection, Task<T>> work, CancellationToken cancel)
    {
        try
        {
            await using var connection = await _connections.Value.OpenConnectionAsync(cancel);
            Note(isReached: true);
            return await work(connection);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UniqueViolation)
        {
            throw;
        }
        catch (Exception e) when (IsFault(e))
        {
            throw Fault(e);
        }
    }

    /// <summary>Runs work in a transaction.</summary>
    public Task<T> TransactAsync<T>(Func<NpgsqlConnection, Task<T>> work, CancellationToken cancel) => UseAsync(
        async connection =>
        {
            await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.ReadCommitted, cancel);
            var result = await work(connection);
            await transaction.CommitAsync(cancel);
            return result;
        },
        cancel);

    /// <summary>Receives notifications until the connection is lost or the call is cancelled.</summary>
    /// <param name="onListening">Called when receiving has started.</param>
    /// <param name="onNotice">Receives the text of each notification.</param>
    /// <param name="cancel">Stops receiving.</param>
    public async Task ListenAsync(Action onListening, Action<string> onNotice, CancellationToken cancel)
    {
        try
        {
            await using var connection = await _connections.Value.OpenConnectionAsync(cancel);
            connection.Notification += (_, notice) => onNotice(notice.Payload);
            await using var listen = new NpgsqlCommand("LISTEN yue", connection);
            await listen.ExecuteNonQueryAsync(cancel);
            onListening();
            while (true)
            {
                await connection.WaitAsync(cancel);
            }
        }
        catch (Exception e) when (IsFault(e))
        {
            throw Fault(e);
        }
    }

    public void Dispose()
    {
        if (_connections.IsValueCreated)
        {
            _connections.Value.Dispose();
        }
    }

    public ValueTask DisposeAsync() => _connections.IsValueCreated ? _connections.Value.DisposeAsync() : ValueTask.CompletedTask;

    private StorageException Fault(Exception e)
    {
        var isAway = e is not PostgresException { IsTransient: false } error || error.SqlState.StartsWith("57", StringComparison.Ordinal);
        if (isAway)
        {
            Note(isReached: false);
        }

        return new(Describe(e), e);
    }

    private void Note(bool isReached)
    {
        if (isReached && !Volatile.Read(ref _isReached))
        {
            Volatile.Write(ref _reachedAt, _clock.GetTimestamp());
        }

        Volatile.Write(ref _isReached, isReached);
    }

    private static bool IsFault(Exception e) =>
        e is NpgsqlException or SocketException or IOException or TimeoutException or InvalidOperationException { Source: "Npgsql" };

    /// <summary>Returns a message for callers about why the database cannot be used, without addresses or names.</summary>
    private static string Describe(Exception e) => e switch
    {
        PostgresException { SqlState: PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification } =>
            "The job database does not accept the name and password in Yue:Store.",
        PostgresException { SqlState: PostgresErrorCodes.InvalidCatalogName } => "The database that Yue:Store names does not exist.",
        PostgresException { SqlState: PostgresErrorCodes.InsufficientPrivilege } =>
            "The user in Yue:Store is not allowed to create or change tables in the job database.",
        PostgresException { SqlState: PostgresErrorCodes.DiskFull } => "The disk of the job database is full.",
        PostgresException { SqlState: PostgresErrorCodes.TooManyConnections } => "The job database has no free connections.",
        PostgresException { SqlState: PostgresErrorCodes.ReadOnlySqlTransaction } => "The job database is read-only; it may be a standby.",
        PostgresException => "The job database cannot be used.",
        _ => "The job database cannot be reached.",
    };

    private static void SetUnlessNamed(NpgsqlConnectionStringBuilder parts, string name, object value)
    {
        if (!parts.ContainsKey(name))
        {
            parts[name] = value;
        }
    }
}
