using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Net.Http.Headers;
using Yue.Engine.Audio;
using YueService.Api.Errors;
using YueService.Api.Requests;
using YueService.Jobs;
using YueService.Jobs.Audio;

namespace YueService.Api.Clips;

/// <summary><c>/v1/clips</c>: reference clips that several requests can use.</summary>
internal sealed class ClipHandler(BodyReader bodies, ReferenceLoader references, ClipFolder clips, JobSignals signals)
{
    private const string Field = "clip";

    /// <summary>Stores a clip. The same file gives the same id.</summary>
    /// <response code="200">The clip was already stored.</response>
    /// <response code="201">The clip is stored; Location is its URL.</response>
    /// <response code="413">The file is too large.</response>
    /// <response code="415">The body is not a sound file.</response>
    /// <response code="422">The sound cannot be used; the errors field says why.</response>
    /// <response code="507">All clips together would exceed the limit.</response>
    public async Task<Results<Created<ClipBody>, Ok<ClipBody>, ProblemHttpResult>> CreateAsync(HttpContext http)
    {
        if (Unsupported(http.Request) is { } unsupported)
        {
            return Problems.Create(http, ProblemType.UnsupportedMediaType, unsupported);
        }

        // Waits until the partial files of an earlier process are deleted, so that this upload is not deleted with them.
        await signals.WhenOpenAsync(http.RequestAborted);
        var (file, problem) = await bodies.ReadFileAsync(http, AudioDecoder.MaxBytes);
        if (file is null)
        {
            return problem!;
        }

        using (file)
        {
            var id = ClipFolder.IdOf(await file.Content.HashAsync(http.RequestAborted));
            if (await clips.UseAsync(id, http.RequestAborted) is { } known)
            {
                return TypedResults.Ok(Show(known));
            }

            var content = await file.Content.ReadAsync(http.RequestAborted);
            var (seconds, fault) = await references.ExamineAsync(content, http.RequestAborted);
            if (fault is not null)
            {
                var findings = new RequestFindings();
                findings.Error(Field, $"{Field} {fault}.");
                return Problems.Invalid(http, findings.Errors);
            }

            return await clips.AddAsync(id, seconds, content, http.RequestAborted) is { } added
                ? TypedResults.Created(PathOf(id), Show(added))
                : await FullAsync(http, content.Length);
        }
    }

    /// <summary>Shows a clip.</summary>
    /// <response code="200">The clip.</response>
    /// <response code="404">There is no such clip, or it was removed.</response>
    public async Task<Results<Ok<ClipBody>, ProblemHttpResult>> GetAsync(HttpContext http, string id) =>
        await clips.FindAsync(id, http.RequestAborted) is { } clip ? TypedResults.Ok(Show(clip)) : NoClip(http, id);

    /// <summary>Removes a clip. Jobs that use it keep its sound.</summary>
    /// <response code="204">The clip is removed.</response>
    /// <response code="404">There is no such clip, or it was removed.</response>
    public async Task<Results<NoContent, ProblemHttpResult>> DeleteAsync(HttpContext http, string id) =>
        await clips.DeleteAsync(id, http.RequestAborted) ? TypedResults.NoContent() : NoClip(http, id);

    private async Task<ProblemHttpResult> FullAsync(HttpContext http, int bytes) => Problems.Create(
        http,
        ProblemType.ClipsFull,
        $"The clip has {bytes} bytes, and "
            + $"{await clips.BytesInUseAsync(http.RequestAborted)} of the {clips.MaxBytes} bytes for clips are in use. "
            + "Delete clips that are not needed, send the clip with the song, or raise the setting Yue:KeepClipsMegabytes.");

    private static ProblemHttpResult NoClip(HttpContext http, string id) =>
        Problems.Create(http, ProblemType.NotFound, $"There is no clip {JsonText.Cut(id)}; it may have been removed.");

    private static string PathOf(string id) => $"/v1/clips/{id}";

    private static ClipBody Show(StoredClip clip) => new(clip.Id, clip.Bytes, clip.Seconds, clip.UsedAt, clip.ExpiresAt);

    private static string? Unsupported(HttpRequest request)
    {
        if (request.Headers.ContentEncoding is { Count: > 0 } encoding && encoding != "identity")
        {
            return $"The body is encoded as {encoding}; send it without Content-Encoding.";
        }

        return string.IsNullOrEmpty(request.ContentType)
            || (MediaTypeHeaderValue.TryParse(request.ContentType, out var type)
                && (type.Type.Equals("audio", StringComparison.OrdinalIgnoreCase)
                    || type.Type.Equals("video", StringComparison.OrdinalIgnoreCase)
                    || type.MediaType.Equals("application/octet-stream", StringComparison.OrdinalIgnoreCase)
                    || type.MediaType.Equals("application/ogg", StringComparison.OrdinalIgnoreCase)))
            ? null
            : $"The body is {JsonText.Cut(request.ContentType)}; send the sound file itself, as audio/* or application/octet-stream.";
    }
}

/// <summary>A stored clip.</summary>
/// <param name="Id">The id for <c>reference.clip</c>. The same file has the same id.</param>
/// <param name="Bytes">The size of the file in bytes.</param>
/// <param name="Seconds">The length of its sound in seconds.</param>
/// <param name="UsedAt">The time of its last upload or use in a request.</param>
/// <param name="ExpiresAt">The time when it is removed unless it is used again; null for never.</param>
internal sealed record ClipBody(string Id, long Bytes, double Seconds, DateTimeOffset UsedAt, DateTimeOffset? ExpiresAt);
