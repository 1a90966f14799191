using Microsoft.AspNetCore.Http.HttpResults;
using Yue.Engine.Audio;
using Yue.Engine.Songs;
using YueService.Api.Errors;
using YueService.Api.Requests;
using YueService.Jobs;
using YueService.Jobs.Audio;

namespace YueService.Api.Songs;

/// <summary><c>GET /v1/songs/{id}/stream</c>: the sound of a song while it is made.</summary>
internal sealed partial class SongStreamHandler(
    JobStore jobs,
    JobEstimate estimate,
    SongFolder songs,
    IStreamEncoder encoder,
    JobSignals signals,
    ILogger<SongStreamHandler> logger)
{
    private static readonly Dictionary<string, string> Tracks = SongFolder.TracksOf(hasStems: true).ToDictionary(track => track);

    private static readonly Dictionary<string, StreamFormat> Formats =
        new[] { StreamFormat.Wav, StreamFormat.Pcm, StreamFormat.Mp3, StreamFormat.Opus }.ToDictionary(format => format.Name());

    /// <summary>Streams a track of a song from its beginning, as far as it is made and then as it is made.</summary>
    /// <remarks>The headers come with the first sound. A stream that ends without its last chunk is not the whole song.</remarks>
    /// <response code="200">The sound.</response>
    /// <response code="404">There is no such job, or the song has no such track.</response>
    /// <response code="409">The song failed or was cancelled before its first sound.</response>
    /// <response code="422">track or format has no such value, or the format cannot be made here.</response>
    public async Task<IResult> StreamAsync(HttpContext http, string id)
    {
        if (await jobs.FindAsync(id, http.RequestAborted) is not { } view)
        {
            return SongHandler.NoJob(http, id);
        }

        var findings = new RequestFindings();
        var track = QueryText.OneOf(http, "track", Tracks, findings) ?? SongFolder.Mix;
        var format = QueryText.OneOf(http, "format", Formats, findings);
        if (!findings.IsValid)
        {
            return Problems.Invalid(http, findings.Errors);
        }

        if (!encoder.Supports(format))
        {
            return Problems.FormatUnavailable(http, format.Name());
        }

        var (sound, problem) = await SoundOfAsync(http, view, track);
        return sound is null ? problem! : await SendAsync(http, view, sound, track, format);
    }

    /// <summary>Returns the sound of a song that is made or is there; or the problem that there is none.</summary>
    private async Task<(JobSound? Sound, IResult? Problem)> SoundOfAsync(HttpContext http, JobView view, string track)
    {
        if (view.Live is { Sound: { } live } && view.State is JobState.Queued or JobState.Running or JobState.Succeeded)
        {
            return live.Has(track) ? (live, null) : (null, NoTrack(http, track));
        }

        if (view.Job.Song is not { } song)
        {
            return (null, Problems.NoSongYet(http, view, estimate));
        }

        if (!song.Tracks.Contains(track))
        {
            return (null, NoTrack(http, track));
        }

        if (songs.Open(view.Job.Id, track, AudioFormat.Wav, view.Job.Files) is not { IsWhole: true } file)
        {
            return (null, Problems.Create(http, ProblemType.NotFound, "The song was removed, or its file is damaged."));
        }

        await using var content = file.Content;
        return (await JobSound.OfAsync(track, content, encoder, http.RequestAborted), null);
    }

    private static ProblemHttpResult NoTrack(HttpContext http, string track) =>
        Problems.Create(http, ProblemType.NotFound, $"The song has no {track} track: ask for the song with output.stems true.");

    private async Task<IResult> SendAsync(HttpContext http, JobView view, JobSound sound, string track, StreamFormat format)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, signals.Stopped);
        try
        {
            await SoundAnswer.SendAsync(http, sound, track, format, SoundForm.Of(format), stop.Token);
        }
        catch (Exception e) when (e is SongException or OperationCanceledException)
        {
            return await EndEarlyAsync(http, view, e);
        }

        return TypedResults.Empty;
    }

    /// <summary>Answers with the job's state if no sound was sent; otherwise breaks the connection, so that nobody takes a part for the
    /// whole song.</summary>
    private async Task<IResult> EndEarlyAsync(HttpContext http, JobView view, Exception reason)
    {
        if (!http.Response.HasStarted && reason is SongException && view.Live is { } live)
        {
            // The song's end is known a moment before the job's.
            await Task.WhenAny(live.Feed.Ended, live.Feed.Delayed).WaitAsync(http.RequestAborted);
            if (await jobs.FindAsync(view.Job.Id, http.RequestAborted) is { State: JobState.Failed or JobState.Cancelled } ended)
            {
                return Problems.NoSongYet(http, ended, estimate);
            }
        }

        LogBroken(view.Job.Id, reason.Message);
        http.Abort();
        return TypedResults.Empty;
    }

    [LoggerMessage(LogLevel.Information, "The stream of job {JobId} was broken off: {Reason}")]
    private partial void LogBroken(string jobId, string reason);
}
