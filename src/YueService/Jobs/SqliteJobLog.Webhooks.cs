using Microsoft.Data.Sqlite;

namespace YueService.Jobs;

/// <content>The webhooks that are to be sent. A trigger adds one when a job ends that has a callback.</content>
internal sealed partial class SqliteJobLog
{
    public Task<IReadOnlyList<DueWebhook>> ListWebhooksAsync(int count, CancellationToken cancel) => _reads.UseAsync(
        connection =>
        {
            using var select = connection.CreateCommand();
            select.CommandText = "SELECT job_id, attempts, next_ms FROM webhooks ORDER BY next_ms LIMIT $count";
            select.Parameters.AddWithValue("$count", count);
            var due = new List<DueWebhook>();
            using var reader = select.ExecuteReader();
            while (reader.Read())
            {
                due.Add(new(
                    reader.GetString(0), reader.GetInt32(1), DateTimeOffset.FromUnixTimeMilliseconds(reader.GetInt64(2))));
            }

            return (IReadOnlyList<DueWebhook>)due;
        },
        cancel);

    public Task DelayWebhookAsync(DueWebhook webhook, CancellationToken cancel) => _writes.UseAsync(
        connection => ExecuteWebhook(
            connection, "UPDATE webhooks SET attempts = $attempts, next_ms = $next WHERE job_id = $id", webhook),
        cancel);

    public Task RemoveWebhookAsync(DueWebhook webhook, CancellationToken cancel) => _writes.UseAsync(
        connection => ExecuteWebhook(connection, "DELETE FROM webhooks WHERE job_id = $id", webhook), cancel);

    private static int ExecuteWebhook(SqliteConnection connection, string statement, DueWebhook webhook)
    {
        using var command = connection.CreateCommand();
        command.CommandText = statement;
        command.Parameters.AddWithValue("$id", webhook.JobId);
        command.Parameters.AddWithValue("$attempts", webhook.Attempts);
        command.Parameters.AddWithValue("$next", webhook.Next.ToUnixTimeMilliseconds());
        return command.ExecuteNonQuery();
    }
}

/// <summary>A webhook that is to be sent.</summary>
/// <param name="JobId">The job that has ended.</param>
/// <param name="Attempts">The tries so far.</param>
/// <param name="Next">When it is sent next.</param>
internal sealed record DueWebhook(string JobId, int Attempts, DateTimeOffset Next);
