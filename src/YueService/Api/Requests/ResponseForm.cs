using System.Collections.Frozen;
using Microsoft.Net.Http.Headers;
using Yue.Engine.Audio;

namespace YueService.Api.Requests;

/// <summary>The form of response that a caller accepts.</summary>
/// <param name="IsFile">True if the response is the file itself rather than JSON.</param>
/// <param name="Format">The file format that the <c>Accept</c> header names; null if the body selects the format.</param>
internal sealed record ResponseForm(bool IsFile, AudioFormat? Format)
{
    private static readonly ResponseForm Json = new(false, null);

    private static readonly FrozenDictionary<string, ResponseForm> ByMediaType = new Dictionary<string, ResponseForm>
    {
        ["application/json"] = Json,
        ["application/*"] = Json,
        ["audio/wav"] = new(true, AudioFormat.Wav),
        ["audio/x-wav"] = new(true, AudioFormat.Wav),
        ["audio/wave"] = new(true, AudioFormat.Wav),
        ["audio/vnd.wave"] = new(true, AudioFormat.Wav),
        ["audio/flac"] = new(true, AudioFormat.Flac),
        ["audio/x-flac"] = new(true, AudioFormat.Flac),
        ["audio/mpeg"] = new(true, AudioFormat.Mp3),
        ["audio/mp3"] = new(true, AudioFormat.Mp3),
        ["audio/*"] = new(true, null),
        ["*/*"] = Json,
    }.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    /// <summary>Returns the form that a request's <c>Accept</c> header prefers: JSON if the header is absent or invalid, null if it allows
    /// no form.</summary>
    /// <remarks>At equal quality, a specific type takes precedence over a range, and JSON over a file.</remarks>
    public static ResponseForm? Choose(HttpRequest request)
    {
        if (!MediaTypeHeaderValue.TryParseList(request.Headers.Accept, out var accepted) || accepted.Count == 0)
        {
            return Json;
        }

        var refused = accepted.Where(range => range.Quality == 0).Select(FormOf).ToHashSet();
        return accepted
            .Where(range => range.Quality != 0)
            .Select(range => (Form: FormOf(range), Quality: range.Quality ?? 1, IsRange: range.MatchesAllSubTypes))
            .Where(choice => choice.Form is not null && !refused.Contains(choice.Form))
            .OrderByDescending(choice => choice.Quality)
            .ThenBy(choice => choice.IsRange)
            .ThenBy(choice => choice.Form!.IsFile)
            .FirstOrDefault().Form;
    }

    private static ResponseForm? FormOf(MediaTypeHeaderValue range) => ByMediaType.GetValueOrDefault(range.MediaType.ToString());
}
