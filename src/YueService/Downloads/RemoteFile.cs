using System.Net;
using System.Net.Http.Headers;

namespace YueService.Downloads;

/// <summary>The information that a server gives about a file before the download.</summary>
/// <param name="Size">The size in bytes; null if the server does not state it.</param>
/// <param name="ETag">A strong validator; null for none.</param>
/// <param name="Sha256">The content's hash; null if the server does not state it.</param>
/// <param name="SupportsRanges">True if parts of the file can be requested.</param>
internal sealed record RemoteFile(long? Size, EntityTagHeaderValue? ETag, string? Sha256, bool SupportsRanges)
{
    /// <summary>Requests the first byte, and returns the information in the response. Unlike a response to HEAD, it shows whether the
    /// server supports ranges.</summary>
    public static async Task<RemoteFile> QueryAsync(
        HubClient hub, HubFile file, Action<string, TimeSpan> waiting, CancellationToken cancel)
    {
        using var response = await hub.GetAsync(file, 0, 0, null, waiting, cancel);
        var headers = response.Message.Content.Headers;
        var etag = response.Message.Headers.ETag is { IsWeak: false } strong ? strong : null;
        var supportsRanges = response.Message.StatusCode == HttpStatusCode.PartialContent
            && headers.ContentRange is { From: 0, To: 0, Length: > 0 };
        var size = supportsRanges ? headers.ContentRange!.Length
            : response.Message.StatusCode == HttpStatusCode.OK ? headers.ContentLength
            : throw new DownloadException(
                $"{file}: the server responds to a request for byte 0 with Content-Range '{Raw(headers, "Content-Range")}', "
                + "which gives no size",
                DownloadRemedy.None);
        return response.Size is { } linked && size is { } stored && linked != stored
            ? throw new DownloadException(
                $"{file}: the hub states a size of {linked} bytes, but its storage states {stored}", DownloadRemedy.None)
            : new(size, etag, response.Sha256, supportsRanges);
    }

    /// <summary>Returns the header as it was sent, because an invalid value has no parsed form.</summary>
    private static string Raw(HttpContentHeaders headers, string name) =>
        headers.NonValidated.TryGetValues(name, out var values) ? values.ToString() : "";
}
