using System.Data.Common;
using System.Globalization;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Options;
using YueService.Settings;

namespace YueService.Jobs;

/// <summary>Jobs in an SQLite database in WAL mode in the state folder, which only this process uses.</summary>
/// <remarks>There is one connection for writes and one for reads, and each runs one call at a time. A write that waits for another
/// program's lock or for the disk therefore does not delay reads.</remarks>
internal sealed class SqliteJobLog(
    StateFolder folder, IOptions<AccessOptions> access, TimeProvider clock, ILogger<SqliteJobLog> logger)
    : SqlJobLog(access, logger), IDisposable
{
    private static readonly TimeSpan GateLimit = TimeSpan.FromSeconds(10);
    private readonly Lane _writes = new(new JobDatabase(folder, isWriter: true));
    private readonly Lane _reads = new(new JobDatabase(folder, isWriter: false));

    public override bool IsNew => _writes.Database.IsNew;

    protected override string Now => clock.GetUtcNow().ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture);

    /// <remarks>There is one writer.</remarks>
    protected override string ForUpdate => "";

    protected override string Listed => "1";

    /// <remarks>CROSS JOIN fixes the order: the texts are read newest first, and a job is read only if its text contains the
    /// query's text.</remarks>
    protected override string SearchJoin => "CROSS JOIN";

    public override async Task OpenAsync(CancellationToken cancel)
    {
        await ExecuteAsync(JobDatabase.Probe, _ => { }, cancel);
        await NameOwnersAsync(cancel);
    }

    /// <remarks>There is no other process.</remarks>
    public override Task<DueWebhook?> HoldWebhookAsync(DueWebhook webhook, TimeSpan time, CancellationToken cancel) =>
        Task.FromResult<DueWebhook?>(webhook);

    public void Dispose()
    {
        _writes.Dispose();
        _reads.Dispose();
        folder.Dispose();
    }

    protected override Task<T> ReadAsync<T>(Func<DbConnection, Task<T>> work, CancellationToken cancel) => _reads.UseAsync(work, cancel);

    protected override Task<T> WriteAsync<T>(Func<DbConnection, Task<T>> work, CancellationToken cancel) => _writes.UseAsync(
        async connection =>
        {
            await using var transaction = connection.BeginTransaction();
            var result = await work(connection);
            await transaction.CommitAsync(cancel);
            return result;
        },
        cancel);

    protected override string Contains(string column, string text) => $"{JobDatabase.Contains}({column}, {text})";

    protected override bool IsConflict(DbException e) => e is SqliteException { SqliteErrorCode: SQLitePCL.raw.SQLITE_CONSTRAINT };

    /// <summary>A connection for one call at a time.</summary>
    private sealed class Lane(JobDatabase database) : IDisposable
    {
        private readonly SemaphoreSlim _gate = new(1, 1);

        public JobDatabase Database => database;

        public async Task<T> UseAsync<T>(Func<SqliteConnection, Task<T>> work, CancellationToken cancel)
        {
            if (!await _gate.WaitAsync(GateLimit, cancel))
            {
                throw new StorageException("The job database is too busy.", new TimeoutException());
            }

            try
            {
                return await work(database.Open());
            }
            catch (SqliteException e) when (e.SqliteErrorCode != SQLitePCL.raw.SQLITE_CONSTRAINT)
            {
                database.Forget(e);
                throw new StorageException(StorageFaults.DescribeSqlite(e.SqliteErrorCode), e);
            }
            catch (Exception e) when (StorageFaults.IsFileError(e))
            {
                throw new StorageException(StorageFaults.Describe(e), e);
            }
            finally
            {
                _gate.Release();
            }
        }

        /// <summary>Waits for the call that is using the connection to end, then closes the connection.</summary>
        public void Dispose()
        {
            _gate.Wait(GateLimit);
            database.Dispose();
            _gate.Release();
        }
    }
}
