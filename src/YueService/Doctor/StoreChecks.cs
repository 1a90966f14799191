using System.Globalization;
using System.Security.Cryptography;
using Npgsql;
using YueService.Jobs;
using YueService.Jobs.Shared;
using YueService.Settings;

namespace YueService.Doctor;

/// <summary>Checks the database and the files that several processes share.</summary>
internal static class StoreChecks
{
    private const int OldestServer = 15;
    private const string Store = "store";
    private const string Files = "files";

    /// <summary>Returns the findings; empty if jobs are not shared.</summary>
    public static async Task<IReadOnlyList<Finding>> RunAsync(StoreOptions options, CancellationToken cancel) => options.IsShared()
        ? [await CheckDatabaseAsync(options.Store!, cancel), await CheckFilesAsync(options, cancel)]
        : [];

    private static async Task<Finding> CheckDatabaseAsync(string store, CancellationToken cancel)
    {
        await using var database = new PostgresDatabase(store, TimeProvider.System);
        try
        {
            return await database.UseAsync(connection => CheckAsync(connection, database.Place, cancel), cancel);
        }
        catch (StorageException e)
        {
            var reason = e.InnerException is PostgresException error ? $" ({error.MessageText})" : "";
            return Finding.Missing(
                Store,
                $"{database.Place}: {e.Message}{reason}",
                "start PostgreSQL, or correct Yue:Store; a password belongs in PGPASSFILE");
        }
    }

    private static async Task<Finding> CheckAsync(NpgsqlConnection connection, string place, CancellationToken cancel)
    {
        if (connection.PostgreSqlVersion.Major < OldestServer)
        {
            return Finding.Missing(
                Store,
                string.Create(
                    CultureInfo.InvariantCulture, $"{place} is PostgreSQL {connection.PostgreSqlVersion}; {OldestServer} is needed"),
                string.Create(CultureInfo.InvariantCulture, $"upgrade the server to PostgreSQL {OldestServer} or later"));
        }

        await using var query = new NpgsqlCommand(
            "SELECT pg_is_in_recovery(), has_schema_privilege(current_schema(), 'CREATE'), to_regclass('schema_versions') IS NOT NULL",
            connection);
        bool isStandby, mayCreate, hasSchema;
        await using (var reader = await query.ExecuteReaderAsync(cancel))
        {
            await reader.ReadAsync(cancel);
            (isStandby, mayCreate, hasSchema) = (reader.GetBoolean(0), reader.GetBoolean(1), reader.GetBoolean(2));
        }

        if (isStandby)
        {
            return Finding.Missing(
                Store, $"{place} is a standby and accepts no jobs", "name the primary in Yue:Store, or promote the standby");
        }

        if (!mayCreate)
        {
            return Finding.Missing(
                Store, $"the user is not allowed to create tables in {place}", "GRANT CREATE ON SCHEMA public TO the user in Yue:Store");
        }

        var (version, oldest) = hasSchema ? await PostgresSchema.VersionOfAsync(connection, cancel) : (0, 0);
        return oldest > PostgresSchema.Version
            ? Finding.Missing(
                Store,
                string.Create(
                    CultureInfo.InvariantCulture, $"{place} has schema {version}, but this release supports {PostgresSchema.Version}"),
                "install a newer release")
            : Finding.Ok(Store, string.Create(
                CultureInfo.InvariantCulture,
                $"{place}: PostgreSQL {connection.PostgreSqlVersion}, {(version == 0 ? "no schema yet" : $"schema {version}")}"));
    }

    /// <summary>Writes a file, reads it, lists it and deletes it.</summary>
    private static async Task<Finding> CheckFilesAsync(StoreOptions options, CancellationToken cancel)
    {
        var files = SharedFiles.Open(options, TimeProvider.System);
        using var disposable = files as IDisposable;
        try
        {
            var name = $"doctor/{RandomNumberGenerator.GetHexString(16, lowercase: true)}";
            var content = RandomNumberGenerator.GetBytes(1000);
            await files.WriteAsync(name, content, cancel);
            var read = await files.ReadAsync(name, cancel);
            var listed = await files.ListAsync(name, cancel);
            await files.DeleteAsync(name, cancel);
            return read is not null && read.AsSpan().SequenceEqual(content) && listed.Count == 1
                ? Finding.Ok(Files, $"{options.Files}: a file was written, read and deleted")
                : Finding.Missing(
                    Files,
                    $"{options.Files}: a written file could not be listed, or was read back with different content",
                    "set Yue:Files to another server or folder");
        }
        catch (StorageException e)
        {
            return Finding.Missing(
                Files,
                $"{options.Files}: {e.Message}",
                S3Place.IsS3(options.Files!)
                    ? "create the bucket, and set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
                    : "mount the folder, and give this user write access");
        }
    }
}
