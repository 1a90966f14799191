using Npgsql;

namespace YueService.Jobs.Shared;

/// <summary>The data about callers that several processes share: the number of songs that each caller has requested in its current minute,
/// and ended sessions. Every method waits until the tables have been created.</summary>
internal sealed class PostgresCallers(PostgresDatabase database, JobSignals signals)
{
    private const string Minute = "interval '1 minute'";

    /// <summary>Counts songs of a caller. A caller's minute begins with its first song. The next minute begins with the first song after
    /// that minute.</summary>
    /// <param name="caller">The name of the caller.</param>
    /// <param name="songs">The number of songs, at most <paramref name="limit"/>.</param>
    /// <param name="limit">The maximum number of songs of a caller per minute.</param>
    /// <param name="cancel">Cancels the wait.</param>
    /// <returns>Null if they are within the limit; otherwise the time left in the caller's minute, and no song is counted.</returns>
    public Task<TimeSpan?> TakeSongsAsync(string caller, int songs, int limit, CancellationToken cancel) => UseAsync(
        async connection =>
        {
            const string IsOver = $"song_rates.began <= excluded.began - {Minute}";
            await using var take = new NpgsqlCommand($"""
                SELECT set_config('synchronous_commit', 'off', true);
                INSERT INTO song_rates (caller, began, songs) VALUES (@caller, clock_timestamp(), @songs)
                ON CONFLICT (caller) DO UPDATE SET
                    began = CASE WHEN {IsOver} THEN excluded.began ELSE song_rates.began END,
                    songs = CASE WHEN {IsOver} THEN 0 ELSE song_rates.songs END + excluded.songs
                WHERE {IsOver} OR song_rates.songs + excluded.songs <= @limit
                """, connection);
            take.Parameters.AddWithValue("caller", caller);
            take.Parameters.AddWithValue("songs", (long)songs);
            take.Parameters.AddWithValue("limit", (long)limit);
            if (await take.ExecuteNonQueryAsync(cancel) > 0)
            {
                return (TimeSpan?)null;
            }

            await using var wait = new NpgsqlCommand(
                $"SELECT greatest(interval '0', began + {Minute} - clock_timestamp()) FROM song_rates WHERE caller = @caller", connection);
            wait.Parameters.AddWithValue("caller", caller);
            return (TimeSpan)(await wait.ExecuteScalarAsync(cancel))!;
        },
        cancel);

    /// <summary>Ends a session.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="expires">The time at which it would expire.</param>
    /// <param name="cancel">Cancels the wait.</param>
    public Task EndSessionAsync(string id, DateTimeOffset expires, CancellationToken cancel) => UseAsync(
        async connection =>
        {
            await using var insert = new NpgsqlCommand(
                "INSERT INTO ended_sessions (id, expires) VALUES (@id, @expires) ON CONFLICT DO NOTHING", connection);
            insert.Parameters.AddWithValue("id", id);
            insert.Parameters.AddWithValue("expires", expires.ToUniversalTime());
            return await insert.ExecuteNonQueryAsync(cancel);
        },
        cancel);

    /// <summary>Returns the ids of the sessions that were ended before they expired.</summary>
    public Task<IReadOnlySet<string>> EndedSessionsAsync(CancellationToken cancel) => UseAsync<IReadOnlySet<string>>(
        async connection =>
        {
            await using var select = new NpgsqlCommand("SELECT id FROM ended_sessions", connection);
            var ids = new HashSet<string>(StringComparer.Ordinal);
            await using var reader = await select.ExecuteReaderAsync(cancel);
            while (await reader.ReadAsync(cancel))
            {
                ids.Add(reader.GetString(0));
            }

            return ids;
        },
        cancel);

    /// <summary>Removes expired data.</summary>
    public Task ForgetAsync(CancellationToken cancel) => UseAsync(
        async connection =>
        {
            // A process with a slow clock may still consider an expired session valid, so its end is remembered for another day.
            await using var delete = new NpgsqlCommand($"""
                DELETE FROM song_rates WHERE began < clock_timestamp() - {Minute};
                DELETE FROM ended_sessions WHERE expires < clock_timestamp() - interval '1 day'
                """, connection);
            return await delete.ExecuteNonQueryAsync(cancel);
        },
        cancel);

    private async Task<T> UseAsync<T>(Func<NpgsqlConnection, Task<T>> work, CancellationToken cancel)
    {
        await signals.WhenOpenAsync(cancel);
        return await database.UseAsync(work, cancel);
    }
}
