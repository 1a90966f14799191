using System.Text.Json.Serialization;
using Yue.Engine.Audio;
using Yue.Engine.Songs;

namespace YueService.Jobs;

/// <summary>The JSON in the column <c>request</c> of a job. Property names are stored, so changing one needs a new schema
/// version.</summary>
/// <remarks>A value that an earlier release did not store is read as today's default, which is what that release used.</remarks>
internal sealed record RequestRow(RequestRow.SongRow Song, AudioFormat? Format, string? ClientJobId, IReadOnlyList<string> Warnings)
{
    private static readonly SongRequest Defaults = new() { Lyrics = "" };

    public string? TraceParent { get; init; }

    public static RequestRow Of(JobRequest request)
    {
        var song = request.Song;
        return new(
            new SongRow
            {
                Lyrics = song.Lyrics,
                Genre = song.Genre,
                MaxNewTokens = song.MaxNewTokens,
                RunNSegments = song.RunNSegments,
                Seed = song.Seed,
                Model = song.Model,
                Scope = song.Scope,
                ContinueFrom = song.ContinueFrom,
                ReplaceSection = song.ReplaceSection,
                Instrumental = song.Instrumental,
                TargetSeconds = song.TargetSeconds,
                Plan = song.Plan,
                Score = song.Score,
                Output = new(song.Output.SampleRate, song.Output.Stems, song.Output.LoudnessLufs, song.Output.FadeOutSeconds),
                Sampling = new(
                    song.Sampling.Temperature,
                    song.Sampling.TopP,
                    song.Sampling.TopK,
                    song.Sampling.RepetitionPenalty,
                    song.Sampling.GuidanceScale,
                    song.Sampling.FlowSteps),
                Reference = song.Reference is { } clip ? new(clip.FirstSecond, clip.StartSeconds, clip.EndSeconds) : null,
            },
            request.Format,
            request.ClientJobId,
            request.Warnings)
        {
            TraceParent = request.TraceParent,
        };
    }

    public JobRequest ToRequest() => new(
        new SongRequest
        {
            Lyrics = Song.Lyrics,
            Genre = Song.Genre ?? Defaults.Genre,
            MaxNewTokens = Song.MaxNewTokens ?? Defaults.MaxNewTokens,
            RunNSegments = Song.RunNSegments ?? Defaults.RunNSegments,
            Seed = Song.Seed ?? Defaults.Seed,
            Model = Song.Model,
            Scope = Song.Scope,
            ContinueFrom = Song.ContinueFrom,
            ReplaceSection = Song.ReplaceSection,
            Instrumental = Song.Instrumental,
            TargetSeconds = Song.TargetSeconds,
            Plan = Song.Plan,
            Score = Song.Score,
            Output = Song.Output is { } output
                ? new()
                {
                    SampleRate = output.SampleRate ?? Defaults.Output.SampleRate,
                    Stems = output.Stems,
                    LoudnessLufs = output.LoudnessLufs,
                    FadeOutSeconds = output.FadeOutSeconds ?? Defaults.Output.FadeOutSeconds,
                }
                : Defaults.Output,
            Sampling = Song.Sampling is { } sampling
                ? new()
                {
                    Temperature = sampling.Temperature ?? Defaults.Sampling.Temperature,
                    TopP = sampling.TopP ?? Defaults.Sampling.TopP,
                    TopK = sampling.TopK ?? Defaults.Sampling.TopK,
                    RepetitionPenalty = sampling.RepetitionPenalty ?? Defaults.Sampling.RepetitionPenalty,
                    GuidanceScale = sampling.GuidanceScale,
                    FlowSteps = sampling.FlowSteps,
                }
                : Defaults.Sampling,

            // The clip itself is in files.
            Reference = Song.Reference is { } clip
                ? new() { FirstSecond = clip.FirstSecond, StartSeconds = clip.StartSeconds, EndSeconds = clip.EndSeconds }
                : null,
        },
        Format,
        ClientJobId,
        Warnings)
    {
        TraceParent = TraceParent,
    };

    internal sealed record SongRow
    {
        public required string Lyrics { get; init; }

        public string? Genre { get; init; }

        public int? MaxNewTokens { get; init; }

        public int? RunNSegments { get; init; }

        public long? Seed { get; init; }

        public string? Model { get; init; }

        public SongScope Scope { get; init; }

        public SongCodes? ContinueFrom { get; init; }

        public int? ReplaceSection { get; init; }

        public bool Instrumental { get; init; }

        public IReadOnlyList<double>? TargetSeconds { get; init; }

        [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
        public ScorePlan? Plan { get; init; }

        [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
        public string? Score { get; init; }

        public OutputRow? Output { get; init; }

        public SamplingRow? Sampling { get; init; }

        public ReferenceRow? Reference { get; init; }
    }

    internal sealed record OutputRow(
        int? SampleRate = null, bool Stems = false, double? LoudnessLufs = null, double? FadeOutSeconds = null);

    internal sealed record SamplingRow(
        double? Temperature = null,
        double? TopP = null,
        int? TopK = null,
        double? RepetitionPenalty = null,
        double? GuidanceScale = null,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? FlowSteps = null);

    internal sealed record ReferenceRow(
        int FirstSecond = 0, double StartSeconds = 0, double EndSeconds = SongLimits.DefaultReferenceEndSeconds);
}
