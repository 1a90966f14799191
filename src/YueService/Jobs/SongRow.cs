using System.Text.Json.Serialization;
using Yue.Engine.Songs;

namespace YueService.Jobs;

/// <summary>The JSON in the column <c>song</c> of a job, and under <c>song</c> in <c>song.json</c>. Property names are stored, so changing
/// one needs a new schema version.</summary>
internal sealed record SongRow(
    int SampleRate,
    double DurationSeconds,
    long Seed,
    string Model,
    SongRow.TimingsRow Timings,
    IReadOnlyList<SongRow.SectionRow> Sections,
    IReadOnlyList<string> Warnings,
    IReadOnlyList<string> Tracks,
    SongScope Stage = SongScope.Full)
{
    /// <summary>The number of channels; null means one.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Channels { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Score { get; init; }

    public ReferenceRow? Reference { get; init; }

    public LoudnessRow? Loudness { get; init; }

    public double? MixLufs { get; init; }

    public static SongRow Of(StoredSong song) => new(
        song.SampleRate,
        song.DurationSeconds,
        song.Seed,
        song.Model,
        TimingsRow.Of(song.Timings),
        [.. song.Sections.Select(part => new SectionRow(part.Tag, part.DurationSeconds, part.Tokens, part.Ended, part.Kept))],
        song.Warnings,
        song.Tracks,
        song.Scope)
    {
        Channels = song.Channels == 1 ? null : song.Channels,
        Score = song.Score,
        Reference = song.Reference is { } clip ? new(clip.Seconds, clip.Tracks, clip.FromCache, Round(clip.EncodeSeconds)) : null,
        Loudness = song.Loudness is { } loudness ? new(loudness.MeasuredLufs, loudness.MeasuredTruePeakDbtp, loudness.GainDb) : null,
        MixLufs = song.MixLufs,
    };

    public StoredSong ToSong() => new()
    {
        SampleRate = SampleRate,
        Channels = Channels ?? 1,
        Score = Score,
        DurationSeconds = DurationSeconds,
        Seed = Seed,
        Model = Model,
        Scope = Stage,
        Timings = Timings.ToTimings(),
        Sections = [.. Sections.Select(part => new SectionResult(part.Tag, part.Seconds, part.Tokens, part.Ended, part.Kept))],
        Warnings = Warnings,
        Tracks = Tracks,
        Reference = Reference is { } clip ? new(clip.Seconds, clip.Tracks, clip.FromCache, clip.EncodeSeconds) : null,
        Loudness = Loudness is { } loudness ? new(loudness.MeasuredLufs, loudness.MeasuredTruePeakDbtp, loudness.GainDb) : null,
        MixLufs = MixLufs,
    };

    /// <summary>Rounds a value to six decimal places. Returns 0 for a value that is not finite, such as a rate over a duration of 0,
    /// because JSON has no infinity.</summary>
    private static double Round(double value) => double.IsFinite(value) ? Math.Round(value, 6) : 0;

    internal sealed record TimingsRow(
        double QueueSeconds,
        double Stage1Seconds,
        double Stage2Seconds,
        double DecodeSeconds,
        double TotalSeconds,
        double TokensPerSecond,
        double RealTimeFactor)
    {
        public static TimingsRow Of(SongTimings timings) => new(
            Round(timings.QueueSeconds),
            Round(timings.Stage1Seconds),
            Round(timings.Stage2Seconds),
            Round(timings.DecodeSeconds),
            Round(timings.TotalSeconds),
            Round(timings.TokensPerSecond),
            Round(timings.RealTimeFactor));

        public SongTimings ToTimings() => new()
        {
            QueueSeconds = QueueSeconds,
            Stage1Seconds = Stage1Seconds,
            Stage2Seconds = Stage2Seconds,
            DecodeSeconds = DecodeSeconds,
            TotalSeconds = TotalSeconds,
            TokensPerSecond = TokensPerSecond,
            RealTimeFactor = RealTimeFactor,
        };
    }

    internal sealed record SectionRow(string Tag, double Seconds, int Tokens, SectionEnd Ended, bool Kept = false);

    internal sealed record ReferenceRow(double Seconds, int Tracks, bool FromCache, double EncodeSeconds);

    internal sealed record LoudnessRow(double? MeasuredLufs, double? MeasuredTruePeakDbtp, double GainDb);
}
