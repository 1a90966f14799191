using System.Data.Common;
using System.Globalization;
using YueService.Settings;

namespace YueService.Jobs;

/// <content>The owners of jobs, which are API keys.</content>
/// <remarks>Release 0.6 identified an owner by the position of the API key in <c>Yue:ApiKey</c>, not by the key's name. Stored positions
/// are replaced with names when a process opens the log. Processes of release 0.6 that share the database may still add
/// positions.</remarks>
internal abstract partial class SqlJobLog
{
    /// <summary>The condition that a row has an owner's <c>Idempotency-Key</c>. A row without an owner was written when no API keys were
    /// set, or by a release that did not distinguish them. Its <c>Idempotency-Key</c> applies to all callers.</summary>
    protected const string HasKey = "idempotency_key = @key AND owner IN (@owner, @position, '')";

    /// <summary>Selects one of the rows with a key: preferably the one with the owner's name, then the one with its position, then the one
    /// without an owner.</summary>
    private const string BestMatch = "ORDER BY length(owner) DESC LIMIT 1";

    private readonly Lazy<string[]> _keyNames = new(() => [.. access.Value.Keys().Select(ApiKeyName.Of)]);

    /// <summary>Replaces stored positions of API keys with their names.</summary>
    protected Task<bool> NameOwnersAsync(CancellationToken cancel) => WriteAsync(
        async connection =>
        {
            foreach (var (position, name) in _keyNames.Value.Index())
            {
                await NameOwnerAsync(connection, "jobs", position, name, cancel);
                await NameOwnerAsync(connection, "song_groups", position, name, cancel);
            }

            return true;
        },
        cancel);

    /// <summary>Sets the parameters of <see cref="HasKey"/>.</summary>
    protected void BindKey(DbCommand command, string? key, string? owner)
    {
        command.Bind("key", key);
        command.Bind("owner", owner ?? "");
        command.Bind("position", PositionOf(owner));
    }

    /// <summary>Returns the position of the owner's API key; empty if it is not one of the service's keys.</summary>
    protected string PositionOf(string? owner) =>
        Array.IndexOf(_keyNames.Value, owner) is var i and >= 0 ? i.ToString(CultureInfo.InvariantCulture) : "";

    private static async Task NameOwnerAsync(DbConnection connection, string table, int position, string name, CancellationToken cancel)
    {
        await using var update = Command(connection, $"""
            UPDATE {table} SET owner = @owner WHERE owner = @position AND NOT EXISTS (
                SELECT 1 FROM {table} AS named WHERE named.idempotency_key = {table}.idempotency_key AND named.owner = @owner)
            """);
        update.Bind("owner", name);
        update.Bind("position", position.ToString(CultureInfo.InvariantCulture));
        await update.ExecuteNonQueryAsync(cancel);
    }
}
