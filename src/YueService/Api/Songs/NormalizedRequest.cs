using Yue.Engine.Songs;
using YueService.Jobs;
using YueService.Jobs.Audio;

namespace YueService.Api.Songs;

/// <summary>A song request with all fields. Sending it again gives the same song.</summary>
/// <remarks>Clips and codes that were sent with the request are not included, because they are not kept. They must be sent again
/// with the request.</remarks>
internal sealed record NormalizedRequest
{
    /// <summary>The lyrics as they were sent.</summary>
    public required string Lyrics { get; init; }

    /// <summary>The genre line.</summary>
    public required string Genre { get; init; }

    /// <summary>The maximum number of tokens per section. Null if <c>target_seconds</c> determines it, or if the model has no
    /// sections.</summary>
    public int? MaxNewTokens { get; init; }

    /// <summary>The target length of each section to sing, or the maximum length of the whole song, in seconds; null without a
    /// target.</summary>
    public IReadOnlyList<double>? TargetSeconds { get; init; }

    /// <summary>The number of sections to sing; 0 means all. Null for a model without sections.</summary>
    public required int? RunNSegments { get; init; }

    /// <summary>The score that was sent; null for none.</summary>
    public string? Score { get; init; }

    /// <summary>The kind of score that is written before the music; null for a model without scores.</summary>
    public ScorePlan? Plan { get; init; }

    /// <summary>The random seed.</summary>
    public required long Seed { get; init; }

    /// <summary>The caller's own name for the request; null without one.</summary>
    public string? ClientJobId { get; init; }

    /// <summary>The song's title.</summary>
    public string? Title { get; init; }

    /// <summary>The URL that receives a webhook when the job ends; null for none.</summary>
    public string? CallbackUrl { get; init; }

    /// <summary>The model; null means the first configured one.</summary>
    public string? Model { get; init; }

    /// <summary>The stages to run.</summary>
    public required SongScope Stage { get; init; }

    /// <summary>The id of the song that this one continues, revises or finishes; null for none.</summary>
    public string? ContinueFrom { get; init; }

    /// <summary>The section to sing again, counted from 1; null for none.</summary>
    public int? ReplaceSection { get; init; }

    /// <summary>True for a song without words.</summary>
    public required bool Instrumental { get; init; }

    /// <summary>The requested sound.</summary>
    public required NormalizedOutput Output { get; init; }

    /// <summary>The sampling settings.</summary>
    public required NormalizedSampling Sampling { get; init; }

    public static NormalizedRequest Of(StoredJob job)
    {
        var song = job.Request.Song;
        var hasScores = song.Plan is not null;
        return new()
        {
            Lyrics = song.Lyrics,
            Genre = song.Genre,
            MaxNewTokens = song.TargetSeconds is null && !hasScores ? song.MaxNewTokens : null,
            TargetSeconds = song.TargetSeconds,
            RunNSegments = hasScores ? null : song.RunNSegments,
            Score = song.Score,
            Plan = song.Plan,
            Seed = song.Seed,
            ClientJobId = job.Request.ClientJobId,
            Title = job.Request.Title,
            CallbackUrl = job.Request.CallbackUrl,
            Model = song.Model,
            Stage = song.Scope,
            ContinueFrom = job.Request.ParentId,
            ReplaceSection = song.ReplaceSection,
            Instrumental = song.Instrumental,
            Output = new(
                hasScores ? null : song.Output.SampleRate,
                job.Request.Format?.Name(),
                song.Output.Stems,
                song.Output.LoudnessLufs,
                song.Output.FadeOutSeconds),
            Sampling = new(
                song.Sampling.Temperature,
                song.Sampling.TopP,
                song.Sampling.TopK,
                song.Sampling.RepetitionPenalty,
                song.Sampling.GuidanceScale,
                song.Sampling.FlowSteps),
        };
    }
}

/// <summary>The <c>output</c> of a request.</summary>
/// <param name="SampleRate">The sample rate in Hz; null for a model with a fixed rate.</param>
/// <param name="Format">The format of the file; null means wav.</param>
/// <param name="Stems">True if the tracks of the mix are also returned.</param>
/// <param name="LoudnessLufs">The target loudness; null leaves the loudness unchanged.</param>
/// <param name="FadeOutSeconds">The length in seconds of the fade-out of a song that was cut at its limit.</param>
internal sealed record NormalizedOutput(int? SampleRate, string? Format, bool Stems, double? LoudnessLufs, double FadeOutSeconds);

/// <summary>The <c>sampling</c> of a request.</summary>
/// <param name="Temperature">The sampling temperature.</param>
/// <param name="TopP">The cumulative probability of the tokens to sample from.</param>
/// <param name="TopK">The number of tokens to sample from; 0 means all.</param>
/// <param name="RepetitionPenalty">The penalty for repeated tokens; 1 disables it.</param>
/// <param name="GuidanceScale">The strength of guidance by the prompt; null means the model's default.</param>
/// <param name="FlowSteps">The number of flow-matching steps; null for a model without flow matching.</param>
internal sealed record NormalizedSampling(
    double Temperature, double TopP, int TopK, double RepetitionPenalty, double? GuidanceScale, int? FlowSteps);
