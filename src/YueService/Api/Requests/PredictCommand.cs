using Yue.Engine.Audio;
using Yue.Engine.Songs;

namespace YueService.Api.Requests;

/// <summary>A request that passed every check.</summary>
/// <param name="Song">What the engine is asked for.</param>
/// <param name="Format">The format that the body asked for; null when it did not.</param>
/// <param name="ClientJobId">The caller's own name for the request.</param>
/// <param name="Warnings">What the caller should know about how the request was understood.</param>
/// <param name="ReturnCodes">Whether the answer has the stage-1 codes.</param>
internal sealed record PredictCommand(
    SongRequest Song, AudioFormat? Format, string? ClientJobId, IReadOnlyList<string> Warnings, bool ReturnCodes = false)
{
    /// <summary>The clip whose style is taken on, as it was sent; null without one.</summary>
    public ReferenceUpload? Reference { get; init; }
}
