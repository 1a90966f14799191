using System.Text.Json;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.Extensions.Options;
using YueService.Jobs;
using YueService.Settings;

namespace YueService.Api.Songs;

/// <summary><c>GET /v1/events</c>: the changes of all jobs as server-sent events on one connection.</summary>
/// <remarks>A client gets every change of state, stage and section, but only the latest progress between them. A client that was
/// disconnected for too long, or that reads too slowly, gets a snapshot of the unfinished jobs instead, as a new client does.</remarks>
internal sealed class AllEventsHandler(
    IJobBoard board,
    JobEvents events,
    JobEstimate estimate,
    JobSignals signals,
    IOptions<JobOptions> options,
    IOptions<JsonOptions> json)
{
    private const string Snapshot = "snapshot";

    /// <summary>Streams changes until the client disconnects or the service stops.</summary>
    public async Task<IResult> StreamAsync(HttpContext http)
    {
        await signals.WhenOpenAsync(http.RequestAborted);
        var writer = new EventWriter(http, TimeSpan.FromSeconds(options.Value.EventHeartbeatSeconds));
        using var end = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, signals.Stopped);
        try
        {
            await writer.StartAsync(end.Token);
            await FollowAsync(writer, events.NumberOf(http.Request.Headers["Last-Event-ID"]), end.Token);
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            // The client disconnected, or the service is stopping. The client can reconnect with the id of its last event.
        }

        return TypedResults.Empty;
    }

    private async Task FollowAsync(EventWriter writer, long? last, CancellationToken cancel)
    {
        while (true)
        {
            var changed = Task.CompletedTask;
            if (last is not { } number || events.After(number, out changed) is not { } news)
            {
                last = await WriteSnapshotAsync(writer, cancel);
                continue;
            }

            foreach (var e in news)
            {
                await writer.WriteAsync(events.IdOf(e.Number), NameOf(e), Serialize(Data(e)), cancel);
                last = e.Number;
            }

            if (news.Count > 0)
            {
                await EventWriter.PauseAsync(cancel);
            }

            await writer.WaitAsync(changed, cancel);
        }
    }

    /// <summary>Sends all unfinished jobs.</summary>
    /// <returns>The number of the newest event that the snapshot is certain to contain.</returns>
    private async Task<long> WriteSnapshotAsync(EventWriter writer, CancellationToken cancel)
    {
        // The number is read first, so a change between the two reads is in the snapshot and is also sent as an event.
        var number = events.Number;
        var jobs = new AllJobsEventBody(
            [.. board.Unfinished.Select(job => Data(new(0, job.Id, JobEventKind.State, job.Request.Title, job.Feed.Latest)))]);
        await writer.WriteAsync(events.IdOf(number), Snapshot, Serialize(jobs), cancel);
        return number;
    }

    private static string NameOf(JobEvent e) =>
        JsonNamingPolicy.SnakeCaseLower.ConvertName(e.Update is { } update ? update.State.ToString() : e.Kind.ToString());

    private JobsEventBody Data(JobEvent e)
    {
        var live = board.Find(e.JobId);
        return new()
        {
            Id = e.JobId,
            Title = e.Title,
            State = e.Update?.State,
            QueuePosition = e.Update?.State == JobState.Queued && live is { Position: > 0 and var place } ? place : null,
            Progress = SongViews.Show(e.Update?.Progress),
            EstimatedSecondsLeft = live is null || e.Update is null ? null : estimate.SecondsLeft(e.Update, live),
            AudibleSeconds = live is null || e.Update is null ? null : SongViews.Audible(e.Update, live),
            Sections = e.Update is null ? null : SongViews.Starts(e.Update),
            Error = JobFault.From(e.Update?.Fault),
            DelayReason = e.Update?.State == JobState.Queued ? live?.WaitReason : null,
        };
    }

    private string Serialize(object data) => JsonSerializer.Serialize(data, json.Value.SerializerOptions);
}

/// <summary>The data of a job's event in the stream of all jobs.</summary>
internal sealed record JobsEventBody
{
    /// <summary>The job's identifier.</summary>
    public required string Id { get; init; }

    /// <summary>The song's title; null if the job was removed.</summary>
    public string? Title { get; init; }

    /// <summary>The state; null in the events <c>edited</c> and <c>removed</c>.</summary>
    public JobState? State { get; init; }

    /// <summary>The position in the queue, from 1; null unless queued.</summary>
    public int? QueuePosition { get; init; }

    /// <summary>The progress of the song; null before it begins.</summary>
    public JobProgressBody? Progress { get; init; }

    /// <summary>Seconds until the song is finished; null if finished or unknown.</summary>
    public double? EstimatedSecondsLeft { get; init; }

    /// <summary>Seconds of sound that the stream has so far; null unless running.</summary>
    public double? AudibleSeconds { get; init; }

    /// <summary>The starts of the sections that have begun so far; null unless running.</summary>
    public IReadOnlyList<SectionStartBody>? Sections { get; init; }

    /// <summary>The reason for the failure; null unless the job failed.</summary>
    public JobFault? Error { get; init; }

    /// <summary>The reason why no worker can take the job; null if there is none.</summary>
    public string? DelayReason { get; init; }
}

/// <summary>The data of a snapshot.</summary>
/// <param name="Jobs">The queued and running jobs, oldest first.</param>
internal sealed record AllJobsEventBody(IReadOnlyList<JobsEventBody> Jobs);
