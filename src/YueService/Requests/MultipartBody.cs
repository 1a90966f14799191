using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;
using Yue.Engine.Audio;
using YueService.Errors;

namespace YueService.Requests;

/// <summary>Reads a request of several parts: the JSON in the part <c>request</c>, files in parts named after their fields.</summary>
internal static class MultipartBody
{
    /// <summary>The part that holds the JSON.</summary>
    public const string JsonPart = "request";

    // What headers and boundaries may take besides the parts.
    private const int MaxFrameBytes = 64 * 1024;

    private static readonly long MaxFilesBytes = (long)ReferenceReader.FileNames.Count * AudioDecoder.MaxBytes;

    public static bool IsMultipart(HttpRequest request) => BoundaryOf(request) is not null;

    /// <summary>Reads the parts into memory.</summary>
    /// <param name="http">The request.</param>
    /// <param name="maxJsonBytes">The longest JSON taken; a file may have <see cref="AudioDecoder.MaxBytes"/>.</param>
    /// <returns>The body, which the caller disposes, or the problem to answer with.</returns>
    public static async Task<(SongBody? Body, ProblemHttpResult? Problem)> ReadAsync(HttpContext http, long maxJsonBytes)
    {
        JsonBody.LiftServerLimit(http, maxJsonBytes + MaxFilesBytes + MaxFrameBytes);
        var parts = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        try
        {
            var reader = new MultipartReader(BoundaryOf(http.Request)!, http.Request.Body);
            while (await reader.ReadNextSectionAsync(http.RequestAborted) is { } section)
            {
                var name = NameOf(section);
                var max = name == JsonPart ? maxJsonBytes : AudioDecoder.MaxBytes;
                if (await ReadPartAsync(section.Body, max, http.RequestAborted) is not { } bytes)
                {
                    return (null, Problems.Create(http, ProblemType.BodyTooLarge, $"The part {JsonText.Cut(name)} is longer than {max} bytes. Shorten it."));
                }

                // A name that nothing reads is told with the unknown fields; its bytes are of no use.
                parts[name] = name == JsonPart || ReferenceReader.FileNames.Contains(name) ? bytes : [];
            }
        }
        catch (Exception e) when (e is InvalidDataException or (IOException and not BadHttpRequestException))
        {
            return (null, Problems.Create(http, ProblemType.BadRequest, $"The body is no whole multipart/form-data: {e.Message}"));
        }

        if (!parts.Remove(JsonPart, out var json))
        {
            return (null, Problems.Create(http, ProblemType.BadRequest, $"The part {JsonPart} is missing: it has the JSON of the request."));
        }

        var (document, problem) = JsonBody.Parse(http, json);
        return (document is null ? null : new SongBody(document, parts), problem);
    }

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

    /// <summary>A part's bytes; null when there are more than <paramref name="max"/>.</summary>
    private static async Task<byte[]?> ReadPartAsync(Stream part, long max, CancellationToken cancel)
    {
        using var bytes = new MemoryStream();
        var buffer = new byte[64 * 1024];
        while (await part.ReadAsync(buffer, cancel) is > 0 and var read)
        {
            if (bytes.Length + read > max)
            {
                return null;
            }

            bytes.Write(buffer, 0, read);
        }

        return bytes.ToArray();
    }
}
