using System.Text.Json;
using Microsoft.AspNetCore.Http.HttpResults;
using Yue.Engine.Audio;

namespace YueService.Requests;

/// <summary>The body of a song request: JSON, and the files that came beside it.</summary>
/// <param name="json">Owned.</param>
/// <param name="files">By the name of their part.</param>
internal sealed class SongBody(JsonDocument json, IReadOnlyDictionary<string, byte[]> files) : IDisposable
{
    private static readonly Dictionary<string, byte[]> NoFiles = [];

    // Four characters for three bytes, two clips at most.
    private const long MaxInlineClipBytes = 2L * AudioDecoder.MaxBytes / 3 * 4;

    public JsonElement Json => json.RootElement;

    public IReadOnlyDictionary<string, byte[]> Files => files;

    /// <summary>Reads JSON, or multipart/form-data.</summary>
    /// <param name="http">The request.</param>
    /// <param name="maxBytes">The longest JSON taken, a clip in it not counted.</param>
    /// <returns>The body, which the caller disposes, or the problem to answer with.</returns>
    public static async Task<(SongBody? Body, ProblemHttpResult? Problem)> ReadAsync(HttpContext http, long maxBytes)
    {
        if (MultipartBody.IsMultipart(http.Request))
        {
            return await MultipartBody.ReadAsync(http, maxBytes);
        }

        var (document, problem) = await JsonBody.ReadAsync(http, maxBytes, new(ReferenceReader.Field, MaxInlineClipBytes));
        return (document is null ? null : new SongBody(document, NoFiles), problem);
    }

    public void Dispose() => json.Dispose();
}
