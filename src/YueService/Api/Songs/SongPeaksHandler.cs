using System.Globalization;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Net.Http.Headers;
using Yue.Engine.Audio;
using YueService.Api.Errors;
using YueService.Api.Requests;
using YueService.Jobs;
using YueService.Jobs.Audio;

namespace YueService.Api.Songs;

/// <summary><c>GET /v1/songs/{id}/peaks</c>: the peaks of a track.</summary>
internal sealed class SongPeaksHandler(JobStore jobs, JobEstimate estimate, SongFolder songs, SongPeaks peaks)
{
    /// <summary>The maximum number of intervals per second.</summary>
    public const int MaxPerSecond = 200;

    private const int DefaultPerSecond = 20;

    // Identifies this process, because the sound of a song that is being made may differ between processes.
    private static readonly string Process = RandomNumberGenerator.GetHexString(8, lowercase: true);

    /// <summary>Returns the smallest and the largest sample of each interval of a track.</summary>
    /// <remarks>The peaks of a song that is being made grow with its sound. If-None-Match is supported.</remarks>
    /// <response code="200">The peaks of the sound so far.</response>
    /// <response code="304">There is no new sound.</response>
    /// <response code="404">There is no such job, or the song has no such track: stems must be requested with the song.</response>
    /// <response code="409">The song failed or was cancelled.</response>
    /// <response code="422">track or per_second is invalid.</response>
    /// <response code="500">The file's size has changed since it was written.</response>
    public async Task<Results<Ok<SongPeaksResponse>, StatusCodeHttpResult, ProblemHttpResult>> GetAsync(HttpContext http, string id)
    {
        if (await jobs.FindAsync(id, http.RequestAborted) is not { } view)
        {
            return SongHandler.NoJob(http, id);
        }

        var findings = new RequestFindings();
        var query = new QueryReader(http, findings);
        var track = query.OneOf("track", SongAudioHandler.Tracks) ?? SongFolder.Mix;
        var perSecond = (int)(query.Number("per_second", MaxPerSecond) ?? DefaultPerSecond);
        query.Finish();
        if (!findings.IsValid)
        {
            return Problems.Invalid(http, findings.Errors);
        }

        if (view is { Live.Sound: { } sound, State: JobState.Queued or JobState.Running })
        {
            return sound.Has(track) ? Growing(http, id, sound, track, perSecond) : SongAudioHandler.NoTrack(http, view.Job, track);
        }

        return view.Job.Song is not { } song ? Problems.NoSongYet(http, view, estimate)
            : !song.Tracks.Contains(track) ? SongAudioHandler.NoTrack(http, view.Job, track)
            : await FinishedAsync(http, view.Job, track, perSecond);
    }

    private static Results<Ok<SongPeaksResponse>, StatusCodeHttpResult, ProblemHttpResult> Growing(
        HttpContext http, string id, JobSound sound, string track, int perSecond)
    {
        var list = sound.PeaksOf(track, perSecond);
        var version = string.Create(CultureInfo.InvariantCulture, $"{id}-{track}-{perSecond}-{Process}-{list.Pairs.Count}");
        return IsKnown(http, version) ? TypedResults.StatusCode(StatusCodes.Status304NotModified) : Show(list, track, perSecond);
    }

    private async Task<Results<Ok<SongPeaksResponse>, StatusCodeHttpResult, ProblemHttpResult>> FinishedAsync(
        HttpContext http, StoredJob job, string track, int perSecond)
    {
        if (await songs.OpenAsync(job, track, AudioFormat.Wav, http.RequestAborted) is not { } file)
        {
            return Problems.Create(http, ProblemType.NotFound, "The song was removed.");
        }

        await using var content = file.Content;
        if (!file.IsWhole)
        {
            return SongAudioHandler.Damaged(http, job, file);
        }

        var version = $"{SongAudioHandler.VersionOf(job, track, AudioFormat.Wav, file)}-{perSecond}";
        return IsKnown(http, version)
            ? TypedResults.StatusCode(StatusCodes.Status304NotModified)
            : Show(await peaks.OfAsync(version, content, perSecond, http.RequestAborted), track, perSecond);
    }

    /// <summary>Sets the ETag, and returns true if the caller has that version.</summary>
    private static bool IsKnown(HttpContext http, string version)
    {
        var tag = new EntityTagHeaderValue($"\"{version}\"");
        http.Response.GetTypedHeaders().ETag = tag;
        http.Response.Headers.CacheControl = "no-cache";
        return http.Request.GetTypedHeaders().IfNoneMatch.Any(
            known => known.Equals(EntityTagHeaderValue.Any) || known.Compare(tag, useStrongComparison: false));
    }

    private static Ok<SongPeaksResponse> Show(PeakList list, string track, int perSecond) => TypedResults.Ok(new SongPeaksResponse(
        track,
        perSecond,
        Math.Round(list.Seconds, 3),
        list.IsComplete,
        [.. list.Pairs.Select(sample => Math.Round(sample / 32768.0, 3))]));
}
