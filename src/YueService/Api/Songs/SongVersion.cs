using System.Globalization;
using Microsoft.Net.Http.Headers;
using YueService.Jobs;

namespace YueService.Api.Songs;

/// <summary>The <c>ETag</c> of the parts of a song that users can change: title, favorite mark and note. Progress does not change
/// it.</summary>
internal static class SongVersion
{
    public static string Of(StoredJob job) => string.Create(CultureInfo.InvariantCulture, $"\"{job.Id}-{job.Edits}\"");

    /// <summary>Returns the version that a change is based on, according to <c>If-Match</c>.</summary>
    /// <returns>Whether the current job matches, and the version that it must still have when the change is stored; that version is null if
    /// any will do.</returns>
    public static (bool Matches, long? BasedOn) Expected(HttpRequest request, StoredJob job)
    {
        var tags = request.GetTypedHeaders().IfMatch;
        return tags.Count == 0 || tags.Contains(EntityTagHeaderValue.Any)
            ? (request.Headers.IfMatch.Count == 0 || tags.Count > 0, null)
            : (tags.Any(tag => !tag.IsWeak && tag.Tag == Of(job)), job.Edits);
    }
}
