using Yue.Engine.Songs;
using YueService.Jobs;
using YueService.Jobs.Audio;

namespace YueService.Api.Songs;

/// <summary>A song request with every field. It can be sent again, and then gives the same song.</summary>
/// <remarks>A clip and codes are not part of it: they come with the request and are not kept with the song.</remarks>
internal sealed record NormalizedRequest
{
    public required string Lyrics { get; init; }

    public required string Genre { get; init; }

    /// <summary>Null with <c>target_seconds</c>, which give it.</summary>
    public int? MaxNewTokens { get; init; }

    public IReadOnlyList<double>? TargetSeconds { get; init; }

    public required int RunNSegments { get; init; }

    public required long Seed { get; init; }

    public string? ClientJobId { get; init; }

    public string? Title { get; init; }

    /// <summary>Null is the first configured model.</summary>
    public string? Model { get; init; }

    public required SongScope Stage { get; init; }

    /// <summary>The id of the song that this one goes on from.</summary>
    public string? ContinueFrom { get; init; }

    public int? ReplaceSection { get; init; }

    public required bool Instrumental { get; init; }

    public required NormalizedOutput Output { get; init; }

    public required NormalizedSampling Sampling { get; init; }

    public static NormalizedRequest Of(StoredJob job)
    {
        var song = job.Request.Song;
        return new()
        {
            Lyrics = song.Lyrics,
            Genre = song.Genre,
            MaxNewTokens = song.TargetSeconds is null ? song.MaxNewTokens : null,
            TargetSeconds = song.TargetSeconds,
            RunNSegments = song.RunNSegments,
            Seed = song.Seed,
            ClientJobId = job.Request.ClientJobId,
            Title = job.Title,
            Model = song.Model,
            Stage = song.Scope,
            ContinueFrom = job.Request.ParentId,
            ReplaceSection = song.ReplaceSection,
            Instrumental = song.Instrumental,
            Output = new(
                song.Output.SampleRate,
                job.Request.Format?.Name(),
                song.Output.Stems,
                song.Output.LoudnessLufs,
                song.Output.FadeOutSeconds),
            Sampling = new(
                song.Sampling.Temperature,
                song.Sampling.TopP,
                song.Sampling.TopK,
                song.Sampling.RepetitionPenalty,
                song.Sampling.GuidanceScale),
        };
    }
}

/// <summary>The <c>output</c> of a request.</summary>
internal sealed record NormalizedOutput(int SampleRate, string? Format, bool Stems, double? LoudnessLufs, double FadeOutSeconds);

/// <summary>The <c>sampling</c> of a request.</summary>
internal sealed record NormalizedSampling(
    double Temperature, double TopP, int TopK, double RepetitionPenalty, double? GuidanceScale);
