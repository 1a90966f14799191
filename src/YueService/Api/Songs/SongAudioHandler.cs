using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Net.Http.Headers;
using Yue.Engine.Audio;
using Yue.Engine.Songs;
using YueService.Api.Errors;
using YueService.Api.Requests;
using YueService.Jobs;
using YueService.Jobs.Audio;

namespace YueService.Api.Songs;

/// <summary><c>GET /v1/songs/{id}/audio</c>: the files of a finished song, whole or in ranges.</summary>
internal sealed class SongAudioHandler(JobStore jobs, JobEstimate estimate, SongFolder songs, ISongEncoder encoder) : IDisposable
{
    /// <summary>The tracks by the names that requests use.</summary>
    public static IReadOnlyDictionary<string, string> Tracks { get; } = SongFolder.TracksOf(hasStems: true).ToDictionary(track => track);

    // One at a time, because ffmpeg uses a whole core, and two callers may want the same file.
    private readonly SemaphoreSlim _encoding = new(1, 1);

    /// <summary>Returns a track of a song.</summary>
    /// <remarks>A format other than wav is encoded on the first call and kept. Range, If-Range and If-None-Match are supported.</remarks>
    /// <response code="200">The whole file.</response>
    /// <response code="206">The requested range.</response>
    /// <response code="404">There is no such job, or the song has no such track: stems must be requested with the song.</response>
    /// <response code="409">The song is not available yet, or never will be.</response>
    /// <response code="416">The file ends before the range; Content-Range has the file's length.</response>
    /// <response code="500">The size of the file has changed since it was written.</response>
    /// <response code="422">track or format is invalid, or the format is not available here.</response>
    public async Task<IResult> GetAsync(HttpContext http, string id)
    {
        if (await jobs.FindAsync(id, http.RequestAborted) is not { } view)
        {
            return SongHandler.NoJob(http, id);
        }

        var findings = new RequestFindings();
        var query = new QueryReader(http, findings);
        var track = query.OneOf("track", Tracks) ?? SongFolder.Mix;
        var asked = query.ValueOf("format", SongFormats.ByName);
        query.Finish();
        if (!findings.IsValid)
        {
            return Problems.Invalid(http, findings.Errors);
        }

        if (view is { Live.Sound: { } sound, State: JobState.Queued or JobState.Running } && !sound.Has(track))
        {
            return NoTrack(http, view.Job, track);
        }

        if (view.State != JobState.Succeeded || view.Job.Song is null)
        {
            return Problems.NoSongYet(http, view, estimate);
        }

        var format = asked ?? view.Job.Request.Format ?? AudioFormat.Wav;
        if (!view.Job.Song.Tracks.Contains(track))
        {
            return NoTrack(http, view.Job, track);
        }

        return await SendAsync(http, view.Job, track, format);
    }

    /// <summary>Returns the file of a track that a finished song has.</summary>
    public async Task<IResult> SendAsync(HttpContext http, StoredJob job, string track, AudioFormat format) =>
        await OpenAsync(http, job, track, format) switch
        {
            null => Missing(http, format),
            { IsWhole: true } file => await SendAsync(http, file, job, track, format),
            var file => Damaged(http, job, file),
        };

    public void Dispose() => _encoding.Dispose();

    private ProblemHttpResult Missing(HttpContext http, AudioFormat format) =>
        encoder.Supports(format)
            ? Problems.Create(http, ProblemType.NotFound, "The song was removed.")
            : Problems.FormatUnavailable(http, format.Name(), "format");

    /// <summary>Creates a 404: the song has no such track.</summary>
    public static ProblemHttpResult NoTrack(HttpContext http, StoredJob job, string track) => Problems.Create(
        http,
        ProblemType.NotFound,
        job.Request.Song.Scope == SongScope.Score
            ? $"The song has no {track} track: it is only a score. Send its score in a new request to hear it."
            : $"The song has no {track} track: request the song with output.stems true.");

    /// <summary>Creates a 500: the file of a song is damaged. Closes the file.</summary>
    public static ProblemHttpResult Damaged(HttpContext http, StoredJob job, SongFile file)
    {
        using var content = file.Content;
        var expected = job.Files?.GetValueOrDefault(file.Name) is { } bytes and > 0
            ? $"instead of {bytes}"
            : "but its header gives another length";
        return Problems.Create(
            http,
            ProblemType.SongDamaged,
            $"The stored file {file.Name} has {content.Length} bytes {expected}. Delete the job and request the song again.");
    }

    /// <summary>Sends a file with the song's current tags, because the song's title may have changed since the file was made.</summary>
    private static async Task<RangedFile> SendAsync(HttpContext http, SongFile file, StoredJob job, string track, AudioFormat format)
    {
        var title = SongTitle.Of(job);
        var version = $"{VersionOf(job, track, format, file)}-{NameOf(title)}";
        var tags = job.Request.Tags with { Title = title };
        Stream tagged;
        try
        {
            tagged = await TaggedFile.WithAsync(file.Content, format, tags, http.RequestAborted);
        }
        catch
        {
            await file.Content.DisposeAsync();
            throw;
        }

        // There is no Last-Modified, because the tags can change while the stored file does not.
        return new(tagged.Length, TypedResults.Stream(
            tagged,
            format.MediaType(),
            DownloadName.Of(title, track, format),
            lastModified: null,
            new EntityTagHeaderValue($"\"{version}\""),
            enableRangeProcessing: true));
    }

    /// <summary>Returns a short string that differs for different titles.</summary>
    private static string NameOf(string title) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(title)), 0, 8);

    /// <summary>Returns an identifier of a file's content. If the file is encoded again, its length or its modification time differs,
    /// and so does the identifier.</summary>
    public static string VersionOf(StoredJob job, string track, AudioFormat format, SongFile file) => string.Create(
        CultureInfo.InvariantCulture,
        $"{job.Id}-{track}-{format.Name()}-{file.Content.Length:x}-{file.ModifiedAt.UtcTicks:x}");

    /// <summary>Opens a file of a song. A file other than WAV is encoded if it is missing or damaged.</summary>
    /// <returns>The file, or the WAV file if that is damaged; null if the WAV file is missing or the format is not available
    /// here.</returns>
    private async Task<SongFile?> OpenAsync(HttpContext http, StoredJob job, string track, AudioFormat format)
    {
        var file = await songs.OpenAsync(job, track, format, http.RequestAborted);
        if (format == AudioFormat.Wav || file is { IsWhole: true })
        {
            return file;
        }

        file?.Content.Dispose();
        return encoder.Supports(format) ? await EncodeAsync(http, job, track, format) : null;
    }

    private async Task<SongFile?> EncodeAsync(HttpContext http, StoredJob job, string track, AudioFormat format)
    {
        await _encoding.WaitAsync(http.RequestAborted);
        try
        {
            // Another caller may have encoded the file in the meantime.
            job = (await jobs.FindAsync(job.Id, http.RequestAborted))?.Job ?? job;
            if (await songs.OpenAsync(job, track, format, http.RequestAborted) is { } made)
            {
                if (made.IsWhole)
                {
                    return made;
                }

                await made.Content.DisposeAsync();
            }

            var wav = await songs.OpenAsync(job, track, AudioFormat.Wav, http.RequestAborted);
            if (wav is not { IsWhole: true })
            {
                return wav;
            }

            await using var content = wav.Content;
            var bytes = await content.ReadWholeAsync(http.RequestAborted);
            var tags = job.Request.Tags with { Title = SongTitle.Of(job) };
            var encoded = await encoder.EncodeAsync(WavFile.Parse(bytes).ToMono(), format, tags, http.RequestAborted);
            try
            {
                var name = await songs.AddAsync(job, track, format, encoded, http.RequestAborted);
                if (!await jobs.NoteFileAsync(job.Id, name, encoded.Length))
                {
                    await songs.DeleteAsync(job, CancellationToken.None);
                    return null;
                }

                var sizes = new Dictionary<string, long> { [name] = encoded.Length };
                return await songs.OpenAsync(job with { Files = sizes }, track, format, http.RequestAborted);
            }
            catch (StorageException)
            {
                // The song may have been removed while the file was being made.
                if (await songs.ExistsAsync(job, track, http.RequestAborted))
                {
                    throw;
                }

                return null;
            }
        }
        finally
        {
            _encoding.Release();
        }
    }

    /// <summary>A file with range support. The response to a range past its end is problem details, as for every other error.</summary>
    private sealed class RangedFile(long length, FileStreamHttpResult file) : IResult
    {
        public async Task ExecuteAsync(HttpContext httpContext)
        {
            await file.ExecuteAsync(httpContext);
            if (httpContext.Response is { StatusCode: StatusCodes.Status416RangeNotSatisfiable, HasStarted: false, Headers: var headers })
            {
                headers.ContentLength = null;
                headers.Remove(HeaderNames.ContentDisposition);
                headers.Remove(HeaderNames.ETag);
                headers.Remove(HeaderNames.LastModified);
                var detail = $"The range is {JsonText.Cut(httpContext.Request.Headers.Range.ToString())}; the file has {length} bytes.";
                await Problems.Create(httpContext, ProblemType.ForStatus(StatusCodes.Status416RangeNotSatisfiable), detail)
                    .ExecuteAsync(httpContext);
            }
        }
    }
}
