using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.Extensions.Options;
using YueService.Api.Songs;
using YueService.Jobs;
using YueService.Jobs.Webhooks;

namespace YueService.Api.Webhooks;

/// <summary>Sends webhooks for jobs that have ended, and retries each one until the receiver accepts it or responds with 410 (Gone), or
/// until the last attempt fails.</summary>
/// <remarks>Pending webhooks are in the database, so they survive a restart. A job's end and its webhook are stored in one
/// transaction.</remarks>
internal sealed partial class WebhookService(
    WebhookClient client,
    IJobLog log,
    JobStore jobs,
    JobEstimate estimate,
    JobEvents events,
    JobSignals signals,
    TimeProvider clock,
    IOptions<JsonOptions> json,
    ILogger<WebhookService> logger) : BackgroundService
{
    private const int MaxAtOnce = 8;

    // Longer than any response may take.
    private static readonly TimeSpan SendingLimit = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan StorageRetry = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LongestWait = TimeSpan.FromHours(1);

    private readonly SemaphoreSlim _ended = new(0, 1);

    public override void Dispose()
    {
        base.Dispose();
        _ended.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!client.IsEnabled)
        {
            return;
        }

        events.JobEnded += Wake;
        try
        {
            while (true)
            {
                var wait = await SendDueAsync(stoppingToken);
                await _ended.WaitAsync(wait < LongestWait ? wait : LongestWait, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The service is stopping; the next process sends the pending webhooks.
        }
        finally
        {
            events.JobEnded -= Wake;
        }
    }

    private void Wake()
    {
        try
        {
            _ended.Release();
        }
        catch (SemaphoreFullException)
        {
            // A wake-up is already pending.
        }
    }

    /// <summary>Sends the webhooks that are due.</summary>
    /// <returns>The time to wait before the next call.</returns>
    private async Task<TimeSpan> SendDueAsync(CancellationToken cancel)
    {
        try
        {
            await signals.WhenOpenAsync(cancel);
            while (true)
            {
                var first = await log.ListWebhooksAsync(MaxAtOnce, cancel);

                // The clock is read once. With two readings, the wait could be negative, which is invalid or means forever.
                var now = clock.GetUtcNow();
                var due = first.Where(webhook => webhook.Next <= now).ToList();
                if (due.Count == 0)
                {
                    return first.Count == 0 ? LongestWait : first[0].Next - now;
                }

                await Task.WhenAll(due.Select(webhook => SendAsync(webhook, cancel)));
            }
        }
        catch (StorageException e)
        {
            LogUnstored(e);
            return StorageRetry;
        }
    }

    private async Task SendAsync(DueWebhook webhook, CancellationToken cancel)
    {
        if (await jobs.FindAsync(webhook.JobId, cancel) is not { Job: { IsFinished: true } job } view
            || job.Request.CallbackUrl is not { } url)
        {
            await log.RemoveWebhookAsync(webhook, cancel);
            return;
        }

        if (await log.HoldWebhookAsync(webhook, SendingLimit, cancel) is not { } held)
        {
            return;
        }

        var content = WebhookBody.Of(SongViews.Show(view, estimate, withLyrics: false));
        var body = JsonSerializer.SerializeToUtf8Bytes(content, json.Value.SerializerOptions);
        var receiver = new Uri(url);
        var (status, fault) = client.FaultOf(receiver) is { } refusal
            ? (null, $"{receiver.Host} {refusal}")
            : await client.SendAsync(receiver, $"msg_{job.Id}", body, cancel);
        if (status is >= HttpStatusCode.OK and < HttpStatusCode.MultipleChoices)
        {
            LogSent(job.Id, receiver.Host);
            await log.RemoveWebhookAsync(webhook, cancel);
            return;
        }

        var attempts = held.Attempts + 1;
        fault ??= $"the response was {(int)status!}";
        if (status == HttpStatusCode.Gone || WebhookBackoff.After(attempts) is not { } wait)
        {
            LogGivenUp(job.Id, receiver.Host, attempts, fault);
            await log.RemoveWebhookAsync(webhook, cancel);
            return;
        }

        LogDelayed(job.Id, receiver.Host, fault, wait);
        await log.DelayWebhookAsync(held with { Attempts = attempts, Next = clock.GetUtcNow() + wait }, cancel);
    }

    [LoggerMessage(LogLevel.Information, "The webhook for job {JobId} was accepted by {Host}")]
    private partial void LogSent(string jobId, string host);

    [LoggerMessage(LogLevel.Information, "The webhook for job {JobId} was not accepted by {Host}: {Reason}. It will be retried in {Wait}")]
    private partial void LogDelayed(string jobId, string host, string reason, TimeSpan wait);

    [LoggerMessage(LogLevel.Warning, "The webhook for job {JobId} to {Host} was dropped after attempt {Attempts}: {Reason}")]
    private partial void LogGivenUp(string jobId, string host, int attempts, string reason);

    [LoggerMessage(LogLevel.Warning, "Webhooks cannot be read or stored now")]
    private partial void LogUnstored(Exception exception);
}

/// <summary>The content of a webhook.</summary>
/// <param name="Type"><c>song.succeeded</c>, <c>song.failed</c> or <c>song.cancelled</c>.</param>
/// <param name="Timestamp">The time when the job ended.</param>
/// <param name="Data">The job as it appears in lists, without the lyrics and the request.</param>
internal sealed record WebhookBody(string Type, DateTimeOffset Timestamp, SongJobResponse Data)
{
    public static WebhookBody Of(SongJobResponse job) => new(
        $"song.{JsonNamingPolicy.SnakeCaseLower.ConvertName(job.State.ToString())}", job.FinishedAt ?? job.CreatedAt, job);
}
