using System.Text.Json;
using YueService.Jobs.Audio;

namespace YueService.Api.Requests;

/// <summary>The body of a request: JSON, and the files that were sent with it.</summary>
/// <param name="json">The JSON; owned.</param>
/// <param name="files">The files by the name of their part; owned.</param>
/// <param name="share">The body's share of the byte budget; owned.</param>
internal sealed class SongBody(JsonDocument json, IReadOnlyDictionary<string, SpooledFile> files, BodyBudget.Share share) : IDisposable
{
    public JsonElement Json => json.RootElement;

    public IReadOnlyDictionary<string, SpooledFile> Files => files;

    /// <summary>The files as clips, by the path of their field.</summary>
    public IReadOnlyDictionary<string, ClipFile> Clips =>
        files.ToDictionary(file => file.Key, file => new ClipFile(file.Value.ReadAsync), StringComparer.Ordinal);

    public void Dispose()
    {
        json.Dispose();
        foreach (var file in files.Values)
        {
            file.Dispose();
        }

        share.Dispose();
    }
}
