using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;
using Yue.Engine.Audio;
using YueService.Api.Errors;
using YueService.Settings;

namespace YueService.Api.Requests;

/// <summary>Reads a multipart request: the JSON in the part <c>request</c>, and files in parts named after their fields.</summary>
/// <param name="http">The request.</param>
/// <param name="maxJsonBytes">The maximum length of the JSON; that of a file is <see cref="AudioDecoder.MaxBytes"/>.</param>
/// <param name="share">Counts the bytes of the parts; the body that is returned owns it.</param>
/// <param name="admitClip">Called before the first file is read. If it returns a problem, that is the response.</param>
internal sealed class MultipartBody(HttpContext http, long maxJsonBytes, BodyBudget.Share share, Func<ProblemHttpResult?> admitClip)
{
    /// <summary>The name of the part with the JSON.</summary>
    public const string JsonPart = "request";

    // At most two files are read; the rest is for headers and boundaries.
    public const long MaxOtherBytes = (2L * AudioDecoder.MaxBytes) + (64 * 1024);

    // RFC 2046, section 5.1.1.
    private const int MaxBoundaryLength = 70;

    private readonly Dictionary<string, SpooledFile> _parts = new(StringComparer.Ordinal);
    private readonly byte[] _buffer = new byte[64 * 1024];

    public static bool IsMultipart(HttpRequest request) => BoundaryOf(request) is not null;

    /// <summary>Reads the parts, large ones into temporary files, and stops at the first invalid part.</summary>
    /// <returns>The body, which the caller disposes, or the problem to return.</returns>
    public async Task<(SongBody? Body, ProblemHttpResult? Problem)> ReadAsync()
    {
        SongBody? body = null;
        try
        {
            if (await ReadPartsAsync() is { } problem)
            {
                return (null, problem);
            }

            (body, var invalid) = await ParseAsync();
            return (body, invalid);
        }
        finally
        {
            if (body is null)
            {
                DisposeParts();
            }
        }
    }

    private async Task<ProblemHttpResult?> ReadPartsAsync()
    {
        var boundary = BoundaryOf(http.Request)!;
        if (boundary.Length > MaxBoundaryLength)
        {
            return Unreadable($"the boundary has {boundary.Length} characters; send at most {MaxBoundaryLength}.");
        }

        var reader = new MultipartReader(boundary, http.Request.Body);
        while (true)
        {
            MultipartSection? section;
            try
            {
                section = await reader.ReadNextSectionAsync(http.RequestAborted);
            }
            catch (Exception e) when (IsFaultOfBody(e))
            {
                return Unreadable(e.Message);
            }

            if (section is null)
            {
                return null;
            }

            if (await ReadPartAsync(NameOf(section), section.Body) is { } problem)
            {
                return problem;
            }
        }
    }

    private async Task<ProblemHttpResult?> ReadPartAsync(string name, Stream content)
    {
        if (RejectionOf(name) is { } reason)
        {
            var findings = new RequestFindings();
            findings.Error(JsonText.Cut(name), reason);
            return Problems.Invalid(http, findings.Errors);
        }

        if (name != JsonPart && !_parts.Keys.Any(part => part != JsonPart) && admitClip() is { } refusal)
        {
            return refusal;
        }

        var max = name == JsonPart ? maxJsonBytes : AudioDecoder.MaxBytes;
        var part = _parts[name] = new SpooledFile();
        while (true)
        {
            int read;
            try
            {
                read = await content.ReadAsync(_buffer, http.RequestAborted);
            }
            catch (Exception e) when (IsFaultOfBody(e))
            {
                return Unreadable(e.Message);
            }

            if (read == 0)
            {
                return null;
            }

            if (part.Length + read > max)
            {
                return Problems.Create(http, ProblemType.BodyTooLarge, $"The part {name} is longer than {max} bytes. Shorten it.");
            }

            if (!share.TryTake(read))
            {
                return BodyReader.OverBudget(http, share, read);
            }

            await part.WriteAsync(_buffer.AsMemory(0, read), http.RequestAborted);
        }
    }

    /// <summary>Returns the reason why a part is rejected, as a sentence; null if it is accepted.</summary>
    private string? RejectionOf(string name)
    {
        var shown = JsonText.Cut(name);
        if (_parts.ContainsKey(name))
        {
            return $"the part {shown} was sent twice; send it once.";
        }

        if (name != JsonPart && !ReferenceReader.FileNames.Contains(name))
        {
            string[] known = [JsonPart, .. ReferenceReader.FileNames];
            return ClosestName.Of(name, known) is { } closest
                ? $"the part {shown} is not known; the closest known name is {closest}. Correct it or leave it out."
                : $"the part {shown} is not known; the known ones are {string.Join(", ", known)}. Leave it out.";
        }

        return ReferenceReader.Conflict([.. _parts.Keys.Append(name).Where(part => part != JsonPart)]);
    }

    private async Task<(SongBody? Body, ProblemHttpResult? Problem)> ParseAsync()
    {
        if (!_parts.Remove(JsonPart, out var request))
        {
            return (
                null,
                Problems.Create(http, ProblemType.BadRequest, $"The part {JsonPart} is missing; send the JSON of the request in it."));
        }

        using (request)
        {
            var (document, problem) = JsonBody.Parse(http, await request.ReadAsync(http.RequestAborted));
            return (document is null ? null : new SongBody(document, _parts, share), problem);
        }
    }

    private void DisposeParts()
    {
        foreach (var part in _parts.Values)
        {
            part.Dispose();
        }
    }

    private ProblemHttpResult Unreadable(string reason) =>
        Problems.Create(http, ProblemType.BadRequest, $"The body is not complete multipart/form-data: {reason}");

    /// <summary>Returns whether the body is malformed, rather than cut off by the server or the client.</summary>
    private static bool IsFaultOfBody(Exception e) =>
        e is InvalidDataException or (IOException and not (BadHttpRequestException or ConnectionResetException));

    private static string? BoundaryOf(HttpRequest request) =>
        MediaTypeHeaderValue.TryParse(request.ContentType, out var type)
        && type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase)
        && HeaderUtilities.RemoveQuotes(type.Boundary) is { Length: > 0 } boundary
            ? boundary.ToString()
            : null;

    private static string NameOf(MultipartSection section) =>
        ContentDispositionHeaderValue.TryParse(section.ContentDisposition, out var disposition)
            ? HeaderUtilities.RemoveQuotes(disposition.Name).ToString()
            : "";
}
