using System.Globalization;
using Npgsql;
using Yue.Testing;

namespace YueService.Tests.Machines;

/// <summary>Processes that share a job database and a file store.</summary>
internal sealed class Cluster : IAsyncDisposable
{
    // On a busy machine, a worker that is alive may lose a lease this short.
    private const int ShortLease = 3;

    private readonly List<YueProcess> _processes = [];
    private readonly TemporaryFolder _state = new();

    /// <summary>Creates a cluster that uses an existing database and file store.</summary>
    public Cluster(string store, string files) => (Store, Files) = (store, files);

    private int LeaseSeconds { get; init; } = 60;

    public string Store { get; }

    public string Files { get; }

    /// <summary>Creates a cluster whose workers keep running.</summary>
    public static async Task<Cluster> NewAsync(SharedPostgres postgres, SharedS3 storage) =>
        new(await (await postgres.Server).NewDatabaseAsync(), (await storage.Server).NewLocation());

    /// <summary>Creates a cluster whose workers and servers the test may stop. Its leases are short, so that the job of a dead worker is
    /// soon given to another worker.</summary>
    public static async Task<Cluster> NewAsync(PostgresServer postgres, S3Server storage) =>
        new(await postgres.NewDatabaseAsync(), storage.NewLocation()) { LeaseSeconds = ShortLease };

    public Task<YueProcess> ApiAsync(params string[] options) => Start(["serve", "--role", "api", .. options], []).ReadyAsync();

    public Task<YueProcess> WorkerAsync(params (string Name, string Value)[] environment) =>
        Start(["worker"], environment).ReadyAsync();

    public YueProcess Start(
        IEnumerable<string> arguments, IEnumerable<(string Name, string Value)> environment, string? program = null)
    {
        var process = YueProcess.Start(
            [
                .. arguments,
                $"--Yue:StateFolder={_state[Guid.NewGuid().ToString("N")]}", "--queue-capacity", "100",
                string.Create(CultureInfo.InvariantCulture, $"--Yue:LeaseSeconds={LeaseSeconds}"),
            ],
            [("YUE_STORE", Store), ("YUE_FILES", Files), ("YUE_OUTAGE_SECONDS", "60"), .. environment],
            program);
        _processes.Add(process);
        return process;
    }

    /// <summary>Returns the value in a column of a job, as text.</summary>
    public async Task<string> ColumnAsync(string job, string column)
    {
        await using var connection = new NpgsqlConnection(Store + ";Pooling=false");
        await connection.OpenAsync();
        await using var select = new NpgsqlCommand($"SELECT {column}::text FROM jobs WHERE id = @id", connection);
        select.Parameters.AddWithValue("id", Path.GetFileName(job));
        return await select.ExecuteScalarAsync() as string ?? "";
    }

    /// <summary>Returns the number of jobs for which a condition holds.</summary>
    public async Task<long> CountAsync(string condition)
    {
        await using var connection = new NpgsqlConnection(Store + ";Pooling=false");
        await connection.OpenAsync();
        await using var select = new NpgsqlCommand($"SELECT count(*) FROM jobs WHERE {condition}", connection);
        return (long)(await select.ExecuteScalarAsync())!;
    }

    public ValueTask DisposeAsync()
    {
        _processes.ForEach(process => process.Dispose());
        _state.Dispose();
        return ValueTask.CompletedTask;
    }
}
