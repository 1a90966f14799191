using Yue.Engine.Audio;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;
using YueService.Api.Errors;
using YueService.Api.Requests;
using YueService.Jobs;
using YueService.Jobs.Audio;

namespace YueService.Api.Songs;

/// <summary><c>GET /v1/songs/{id}/stream</c>: the sound of a song, even while it is being made.</summary>
internal sealed partial class SongStreamHandler(
    JobStore jobs,
    JobEstimate estimate,
    SongAudioHandler files,
    SongFolder songs,
    IStreamEncoder encoder,
    ISongEngine engine,
    JobSignals signals,
    ILogger<SongStreamHandler> logger)
{
    /// <summary>The formats by the names that requests use.</summary>
    public static IReadOnlyDictionary<string, StreamFormat> Formats { get; } =
        new[] { StreamFormat.Wav, StreamFormat.Pcm, StreamFormat.Mp3, StreamFormat.Opus }.ToDictionary(format => format.Name());

    /// <summary>Streams a track of a song from its beginning, even while the song is being made.</summary>
    /// <remarks>The headers are sent with the first sound. A stream that ends without a final chunk is incomplete.</remarks>
    /// <response code="200">The sound.</response>
    /// <response code="404">There is no such job, or the song has no such track.</response>
    /// <response code="409">The song failed or was cancelled, and no sound has been sent.</response>
    /// <response code="422">track or format is invalid, or the format is not available here.</response>
    /// <response code="500">The file's size has changed since it was written.</response>
    public async Task<IResult> StreamAsync(HttpContext http, string id)
    {
        if (await jobs.FindAsync(id, http.RequestAborted) is not { } view)
        {
            return SongHandler.NoJob(http, id);
        }

        var findings = new RequestFindings();
        var query = new QueryReader(http, findings);
        var track = query.OneOf("track", SongAudioHandler.Tracks) ?? SongFolder.Mix;
        var format = query.OneOf("format", Formats);
        query.Finish();
        if (!findings.IsValid)
        {
            return Problems.Invalid(http, findings.Errors);
        }

        if (!encoder.Supports(format))
        {
            return Problems.FormatUnavailable(http, format.Name(), "format");
        }

        if (view is { Live.Sound: { } sound, State: JobState.Queued or JobState.Running })
        {
            return sound.Has(track) ? await SendAsync(http, view, sound, track, format) : SongAudioHandler.NoTrack(http, view.Job, track);
        }

        return view.Job.Song is not { } song ? Problems.NoSongYet(http, view, estimate)
            : !song.Tracks.Contains(track) ? SongAudioHandler.NoTrack(http, view.Job, track)
            : await SendFinishedAsync(http, view.Job, track, format);
    }

    /// <summary>Sends a finished song: its file, or its samples in a format that is not stored.</summary>
    private async Task<IResult> SendFinishedAsync(HttpContext http, StoredJob job, string track, StreamFormat format)
    {
        if (format is StreamFormat.Wav or StreamFormat.Mp3)
        {
            return await files.SendAsync(http, job, track, format == StreamFormat.Wav ? AudioFormat.Wav : AudioFormat.Mp3);
        }

        if (await songs.OpenAsync(job, track, AudioFormat.Wav, http.RequestAborted) is not { } file)
        {
            return Problems.Create(http, ProblemType.NotFound, "The song was removed.");
        }

        await using var content = file.Content;
        if (!file.IsWhole)
        {
            return SongAudioHandler.Damaged(http, job, file);
        }

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, signals.Stopped);
        try
        {
            var input = await FinishedSound.FormatOfAsync(content, stop.Token);
            await foreach (var chunk in FinishedSound.ReadAsync(
                content, input, format, job.Request.Tags with { Title = SongTitle.Of(job) }, encoder, stop.Token))
            {
                await SoundResponse.SendAsync(http, chunk, input, SoundForm.Of(format), stop.Token);
            }

            return TypedResults.Empty;
        }
        catch (Exception e) when (e is SongException or OperationCanceledException)
        {
            return EndEarly(http, job, e);
        }
        finally
        {
            await stop.CancelAsync();
        }
    }

    private async Task<IResult> SendAsync(HttpContext http, JobView view, JobSound sound, string track, StreamFormat format)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, signals.Stopped);
        try
        {
            await SoundResponse.SendAsync(http, sound, track, format, SoundForm.Of(format), stop.Token);
        }
        catch (Exception e) when (e is SongException or OperationCanceledException)
        {
            return await EndEarlyAsync(http, view, e);
        }

        return TypedResults.Empty;
    }

    /// <summary>Responds with the job's state if the job ended and no sound was sent.</summary>
    private async Task<IResult> EndEarlyAsync(HttpContext http, JobView view, Exception reason)
    {
        if (!http.Response.HasStarted && reason is SongException && view.Live is { } live)
        {
            // The song ends a moment before its job.
            await Task.WhenAny(live.Feed.Ended, live.Feed.Delayed).WaitAsync(http.RequestAborted);
            if (await jobs.FindAsync(view.Job.Id, http.RequestAborted) is { State: JobState.Failed or JobState.Cancelled } ended)
            {
                return Problems.NoSongYet(http, ended, estimate);
            }
        }

        return EndEarly(http, view.Job, reason);
    }

    /// <summary>Responds with 503 if the service is shutting down and no sound was sent. Otherwise aborts the connection, so that a partial
    /// song cannot be mistaken for the whole one.</summary>
    private IResult EndEarly(HttpContext http, StoredJob job, Exception reason)
    {
        if (!http.Response.HasStarted && engine.Status.State == EngineState.Draining)
        {
            return Problems.NotReady(http, engine.Status);
        }

        LogBroken(job.Id, reason.Message);
        http.Abort();
        return TypedResults.Empty;
    }

    [LoggerMessage(LogLevel.Information, "The stream of job {JobId} was aborted: {Reason}")]
    private partial void LogBroken(string jobId, string reason);
}
