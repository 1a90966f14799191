using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.Extensions.Options;
using YueService.Jobs;
using YueService.Settings;

namespace YueService.Api.Songs;

/// <summary><c>GET /v1/songs/{id}/events</c>: a job's progress as server-sent events.</summary>
/// <remarks>A reader is told of every change of state, stage and section, and between them of the newest counts only,
/// a few times a second at most: a slow one gets fewer events and holds nobody up.</remarks>
internal sealed class SongEventsHandler(
    JobStore jobs, JobEstimate estimate, JobSignals signals, IOptions<JobOptions> options, IOptions<JsonOptions> json)
{
    /// <summary>The identifier of a last event. A reader that comes back with it has nothing more to hear.</summary>
    private const string EndId = "end";

    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(200);

    /// <summary>Streams a job's progress until it is finished.</summary>
    /// <remarks>Events are named after the state; their data is JSON. A reader that comes back with Last-Event-ID misses no
    /// change of state, stage or section. After the last event the stream ends; a reader that comes back once more gets a 204.</remarks>
    /// <response code="200">The stream.</response>
    /// <response code="204">The reader has the last event already.</response>
    /// <response code="404">There is no such job, or it was removed.</response>
    public async Task<IResult> StreamAsync(HttpContext http, string id)
    {
        if (await jobs.FindAsync(id, http.RequestAborted) is not { } view)
        {
            return SongHandler.NoJob(http, id);
        }

        string? last = http.Request.Headers["Last-Event-ID"];
        if (last == EndId && view.Job.IsFinished)
        {
            return TypedResults.NoContent();
        }

        http.Response.ContentType = "text/event-stream";
        http.Response.Headers.CacheControl = "no-store";
        http.Response.Headers["X-Accel-Buffering"] = "no";
        http.Features.Get<IHttpResponseBodyFeature>()!.DisableBuffering();
        using var end = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, signals.Stopped);
        try
        {
            await http.Response.StartAsync(end.Token);
            if (view.Live is { } live && !view.Job.IsFinished)
            {
                await FollowAsync(http.Response, live, live.Feed.NumberOf(last), end.Token);
            }
            else if (view.Job.IsFinished)
            {
                await WriteAsync(http.Response, EndId, view.State, Data(new(0, view.State, null, view.Job.Fault), null), end.Token);
            }
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            // The reader went away, or the service stops: it may come back with its last event's identifier.
        }

        return TypedResults.Empty;
    }

    private async Task FollowAsync(HttpResponse response, Job live, long number, CancellationToken cancel)
    {
        var heartbeat = TimeSpan.FromSeconds(options.Value.EventHeartbeatSeconds);
        while (true)
        {
            var updates = live.Feed.After(number, out var changed);
            foreach (var update in updates)
            {
                var isLast = update.State is not (JobState.Queued or JobState.Running);
                await WriteAsync(response, isLast ? EndId : live.Feed.IdOf(update), update.State, Data(update, live), cancel);
                number = update.Number;
                if (isLast)
                {
                    return;
                }
            }

            if (live.Feed.Ended.IsCompleted)
            {
                // Queued again, for the next process.
                return;
            }

            if (updates.Count > 0)
            {
                await Task.Delay(Pace, cancel);
            }

            await HeartbeatAsync(response, changed, heartbeat, cancel);
        }
    }

    /// <summary>Waits for a change, with a comment now and then, so that proxies keep the connection and a dead one is noticed.</summary>
    private static async Task HeartbeatAsync(HttpResponse response, Task changed, TimeSpan interval, CancellationToken cancel)
    {
        while (true)
        {
            try
            {
                await changed.WaitAsync(interval, cancel);
                return;
            }
            catch (TimeoutException)
            {
                await response.WriteAsync(": waiting\n\n", cancel);
                await response.Body.FlushAsync(cancel);
            }
        }
    }

    private string Data(JobUpdate update, Job? live) => JsonSerializer.Serialize(
        new JobEventBody(
            update.State,
            update.State == JobState.Queued && live is { Position: > 0 and var place } ? place : null,
            SongViews.Show(update.Progress),
            live is null ? null : estimate.SecondsLeft(update, live),
            live is null ? null : SongViews.Audible(update, live),
            SongViews.Starts(update),
            JobFault.From(update.Fault)),
        json.Value.SerializerOptions);

    private static async Task WriteAsync(HttpResponse response, string id, JobState state, string data, CancellationToken cancel)
    {
        var name = JsonNamingPolicy.SnakeCaseLower.ConvertName(state.ToString());
        await response.Body.WriteAsync(Encoding.UTF8.GetBytes($"id: {id}\nevent: {name}\ndata: {data}\n\n"), cancel);
        await response.Body.FlushAsync(cancel);
    }
}
