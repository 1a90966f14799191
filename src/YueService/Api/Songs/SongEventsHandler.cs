using System.Text.Json;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.Extensions.Options;
using YueService.Jobs;
using YueService.Settings;

namespace YueService.Api.Songs;

/// <summary><c>GET /v1/songs/{id}/events</c>: a job's progress as server-sent events.</summary>
/// <remarks>A client gets every change of state, stage and section. Between these changes, it gets only the latest progress, at most
/// a few times per second. A slow client gets fewer events and does not delay others.</remarks>
internal sealed class SongEventsHandler(
    JobStore jobs, JobEstimate estimate, JobSignals signals, IOptions<JobOptions> options, IOptions<JsonOptions> json)
{
    /// <summary>The id of the last event. A client that reconnects with it gets no more events.</summary>
    private const string EndId = "end";

    private const string ScoreEvent = "score";

    /// <summary>Streams a job's progress until the job ends.</summary>
    /// <remarks>The name of a progress event is the state; the data of every event is JSON. For a song with a score, an event with the
    /// name <c>score</c> is sent before the first music token. A client that reconnects with Last-Event-ID misses no change of state, stage
    /// or section. After the last event the stream ends; a client that reconnects then gets a 204.</remarks>
    /// <response code="200">The stream.</response>
    /// <response code="204">The client already has the last event.</response>
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

        var writer = new EventWriter(http, TimeSpan.FromSeconds(options.Value.EventHeartbeatSeconds));
        using var end = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, signals.Stopped);
        try
        {
            await writer.StartAsync(end.Token);
            if (view.Live is { } live && !view.Job.IsFinished)
            {
                await FollowAsync(writer, live, live.Feed.NumberOf(last), end.Token);
            }
            else if (view.Job.IsFinished)
            {
                await WriteAsync(writer, EndId, view.State, Data(new(0, view.State, null, view.Job.Fault), null), end.Token);
            }
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            // The client disconnected, or the service is stopping. The client can reconnect with the id of its last event.
        }

        return TypedResults.Empty;
    }

    private async Task FollowAsync(EventWriter writer, Job live, long number, CancellationToken cancel)
    {
        while (true)
        {
            // This is read before the updates: if the feed has ended by then, the updates include the last one. In the other order, the
            // last update could be missed.
            var hasEnded = live.Feed.Ended.IsCompleted;
            var updates = live.Feed.After(number, out var changed);
            foreach (var update in updates)
            {
                if (update is { AddsScore: true, Progress.Score: { } score })
                {
                    var text = JsonSerializer.Serialize(new ScoreEventBody(score), json.Value.SerializerOptions);
                    await writer.WriteAsync(live.Feed.IdOf(update), ScoreEvent, text, cancel);
                }

                var isLast = update.State is not (JobState.Queued or JobState.Running);
                await WriteAsync(writer, isLast ? EndId : live.Feed.IdOf(update), update.State, Data(update, live), cancel);
                number = update.Number;
                if (isLast)
                {
                    return;
                }
            }

            if (hasEnded)
            {
                // The job was queued again for the next process.
                return;
            }

            if (updates.Count > 0)
            {
                await EventWriter.PauseAsync(cancel);
            }

            await writer.WaitAsync(changed, cancel);
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
            JobFault.From(update.Fault),
            update.State == JobState.Queued ? live?.WaitReason : null),
        json.Value.SerializerOptions);

    private static Task WriteAsync(EventWriter writer, string id, JobState state, string data, CancellationToken cancel) =>
        writer.WriteAsync(id, JsonNamingPolicy.SnakeCaseLower.ConvertName(state.ToString()), data, cancel);
}
