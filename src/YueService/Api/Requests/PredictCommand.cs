using System.Diagnostics;
using Yue.Engine.Audio;
using Yue.Engine.Songs;
using YueService.Jobs;
using YueService.Jobs.Audio;

namespace YueService.Api.Requests;

/// <summary>A request that passed every check.</summary>
/// <param name="Song">The song to make.</param>
/// <param name="Format">The format that the body names; null if it names none.</param>
/// <param name="ClientJobId">The caller's own name for the request.</param>
/// <param name="Warnings">Warnings about how the request was interpreted.</param>
/// <param name="ReturnCodes">True if the response is to include the stage-1 codes.</param>
internal sealed record PredictCommand(
    SongRequest Song, AudioFormat? Format, string? ClientJobId, IReadOnlyList<string> Warnings, bool ReturnCodes = false)
{
    /// <summary>The song's title.</summary>
    public required string Title { get; init; }

    /// <summary>The id of the song that this one continues; null if it continues none, or continues from codes.</summary>
    public string? ParentId { get; init; }

    /// <summary>The number of songs to make, with consecutive seeds.</summary>
    public int Takes { get; init; } = SongLimits.MinTakes;

    /// <summary>The address that receives a webhook when a job ends; null for none.</summary>
    public string? CallbackUrl { get; init; }

    /// <summary>True if the caller requested the sound while the song is being made.</summary>
    public bool IsStreamed { get; init; }

    /// <summary>The reference clip as it was sent; null if there is none, or once it has been loaded into the song.</summary>
    public ReferenceUpload? Reference { get; init; }

    /// <summary>Returns the request with one more warning.</summary>
    public PredictCommand WithWarning(string warning) => this with { Warnings = [.. Warnings, warning] };

    /// <summary>Returns the request as a job in the current trace.</summary>
    /// <param name="format">The format of the song's file; null if it is not decided yet.</param>
    public JobRequest ToJob(AudioFormat? format) => new(Song, format, ClientJobId, Warnings)
    {
        TraceParent = Activity.Current?.Id,
        Title = Title,
        ParentId = ParentId,
        CallbackUrl = CallbackUrl,
    };
}
