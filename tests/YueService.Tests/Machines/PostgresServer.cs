using System.Globalization;
using Npgsql;
using Yue.Testing;

namespace YueService.Tests.Machines;

/// <summary>A separate PostgreSQL server on a free port of this machine, with a database for each test that needs one.</summary>
/// <remarks>It flushes nothing to disk, because the tests kill processes but never the machine.</remarks>
public sealed class PostgresServer : IAsyncDisposable
{
    private const string Missing = "PostgreSQL is not installed: apt-get install postgresql";

    private readonly TemporaryFolder _folder = new();
    private readonly int _port = RealServer.FreePort();
    private int _databases;
    private bool _isRunning;

    private PostgresServer()
    {
    }

    /// <summary>The folder of the server's programs; null if PostgreSQL is not installed.</summary>
    private static string? Programs { get; } = Directory.Exists("/usr/lib/postgresql")
        ? Directory.GetDirectories("/usr/lib/postgresql").Select(version => Path.Combine(version, "bin"))
            .Where(bin => File.Exists(Path.Combine(bin, "initdb"))).Order(StringComparer.Ordinal).LastOrDefault()
        : null;

    /// <summary>Starts a server, or skips the test.</summary>
    public static async Task<PostgresServer> StartNewAsync()
    {
        RealServer.Require(Programs is not null, Missing);
        var server = new PostgresServer();
        await RealServer.RunAsync("chmod", "777", server._folder.Path);
        await RunAsync(
            "initdb", "--pgdata", server.Data, "--username", "yue", "--auth", "trust", "--no-sync",
            "--encoding", "UTF8", "--locale", "C.UTF-8");
        await server.StartAsync();
        return server;
    }

    private string Data => _folder["data"];

    /// <summary>Starts the server, or restarts it after a stop.</summary>
    public async Task StartAsync()
    {
        await RunAsync(
            "pg_ctl", "start", "--pgdata", Data, "--wait", "--log", _folder["log"], "--options", string.Create(
                CultureInfo.InvariantCulture,
                $"-p {_port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off -c max_connections=200"));
        _isRunning = true;
    }

    /// <summary>Stops the server, either immediately, as in a crash, or after closing all connections.</summary>
    public async Task StopAsync(bool crash = false)
    {
        _isRunning = false;
        await RunAsync("pg_ctl", "stop", "--pgdata", Data, "--wait", "--mode", crash ? "immediate" : "fast");
    }

    /// <summary>Starts a synchronous standby of this server. The standby has every commit that this server acknowledges from now
    /// on.</summary>
    public async Task<PostgresServer> StartStandbyAsync()
    {
        var standby = new PostgresServer();
        await RealServer.RunAsync("chmod", "777", standby._folder.Path);
        await RunAsync(
            "pg_basebackup", "--pgdata", standby.Data, "--host", "127.0.0.1", "--port", Port(_port), "--username", "yue",
            "--write-recovery-conf", "--wal-method", "stream", "--checkpoint", "fast", "--no-sync");
        await standby.StartAsync();
        await ExecuteAsync(SettingsOf("postgres"), "ALTER SYSTEM SET synchronous_standby_names = '*'");
        await ExecuteAsync(SettingsOf("postgres"), "SELECT pg_reload_conf()");
        return standby;
    }

    /// <summary>Promotes a standby to a server that accepts writes.</summary>
    public Task PromoteAsync() => RunAsync("pg_ctl", "promote", "--pgdata", Data, "--wait");

    /// <summary>Returns a connection string for a database on this server or another one, whichever accepts writes.</summary>
    public string SettingsWith(PostgresServer other, string settings) => settings
        .Replace("Host=127.0.0.1;", $"Host=127.0.0.1:{Port(_port)},127.0.0.1:{Port(other._port)};", StringComparison.Ordinal)
        .Replace($"Port={Port(_port)};", "Target Session Attributes=primary;", StringComparison.Ordinal);

    /// <summary>Creates a database.</summary>
    /// <returns>Its connection string.</returns>
    public async Task<string> NewDatabaseAsync()
    {
        var name = $"test{Interlocked.Increment(ref _databases)}";
        await ExecuteAsync(SettingsOf("postgres"), $"CREATE DATABASE {name}");
        return SettingsOf(name);
    }

    /// <summary>Runs a statement.</summary>
    public static async Task ExecuteAsync(string settings, string statement)
    {
        await using var connection = new NpgsqlConnection(settings + ";Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(statement, connection);
        await command.ExecuteNonQueryAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_isRunning)
        {
            await StopAsync(crash: true);
        }

        _folder.Dispose();
    }

    private static string Port(int port) => port.ToString(CultureInfo.InvariantCulture);

    private string SettingsOf(string database) => string.Create(
        CultureInfo.InvariantCulture, $"Host=127.0.0.1;Port={_port};Username=yue;Database={database}");

    /// <summary>Runs one of the server's programs. They refuse to run as root, so root runs them as the user postgres.</summary>
    private static Task RunAsync(string program, params string[] arguments)
    {
        var path = Path.Combine(Programs!, program);
        return Environment.UserName == "root"
            ? RealServer.RunAsync("runuser", ["-u", "postgres", "--", path, .. arguments])
            : RealServer.RunAsync(path, arguments);
    }
}

/// <summary>The server that the test classes share.</summary>
public sealed class SharedPostgres : IAsyncDisposable
{
    private readonly Lazy<Task<PostgresServer>> _server = new(PostgresServer.StartNewAsync);

    public Task<PostgresServer> Server => _server.Value;

    public async ValueTask DisposeAsync()
    {
        if (_server is { IsValueCreated: true, Value.IsCompletedSuccessfully: true })
        {
            await (await _server.Value).DisposeAsync();
        }
    }
}
