using System.Globalization;

namespace YueService.Jobs;

/// <content>The pending webhooks. A trigger adds one when a job with a callback ends.</content>
internal abstract partial class SqlJobLog
{
    public Task<IReadOnlyList<DueWebhook>> ListWebhooksAsync(int count, CancellationToken cancel) => ReadAsync(
        async connection =>
        {
            await using var select = Command(connection, string.Create(
                CultureInfo.InvariantCulture, $"SELECT job_id, attempts, next_ms FROM webhooks ORDER BY next_ms LIMIT {count}"));
            await using var reader = await select.ExecuteReaderAsync(cancel);
            var due = new List<DueWebhook>();
            while (await reader.ReadAsync(cancel))
            {
                due.Add(new(
                    reader.GetString(0), (int)reader.GetInt64(1), DateTimeOffset.FromUnixTimeMilliseconds(reader.GetInt64(2))));
            }

            return (IReadOnlyList<DueWebhook>)due;
        },
        cancel);

    public abstract Task<DueWebhook?> HoldWebhookAsync(DueWebhook webhook, TimeSpan time, CancellationToken cancel);

    public Task DelayWebhookAsync(DueWebhook webhook, CancellationToken cancel) => ExecuteAsync(
        "UPDATE webhooks SET attempts = @attempts, next_ms = @next WHERE job_id = @id",
        update =>
        {
            update.Bind("id", webhook.JobId);
            update.Bind("attempts", (long)webhook.Attempts);
            update.Bind("next", webhook.Next.ToUnixTimeMilliseconds());
        },
        cancel);

    public Task RemoveWebhookAsync(DueWebhook webhook, CancellationToken cancel) => ExecuteAsync(
        "DELETE FROM webhooks WHERE job_id = @id", delete => delete.Bind("id", webhook.JobId), cancel);
}

/// <summary>A pending webhook.</summary>
/// <param name="JobId">The job that has ended.</param>
/// <param name="Attempts">The number of attempts so far.</param>
/// <param name="Next">The time of the next attempt.</param>
internal sealed record DueWebhook(string JobId, int Attempts, DateTimeOffset Next);
