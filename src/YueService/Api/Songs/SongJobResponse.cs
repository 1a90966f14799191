using System.Text.Json.Serialization;
using Yue.Engine.Songs;
using YueService.Api.Errors;
using YueService.Jobs;

namespace YueService.Api.Songs;

/// <summary>A job as <c>/v1/songs</c> returns it.</summary>
internal sealed record SongJobResponse
{
    /// <summary>The job's identifier: 32 hexadecimal digits.</summary>
    public required string Id { get; init; }

    /// <summary><c>queued</c>, <c>running</c>, <c>succeeded</c>, <c>failed</c> or <c>cancelled</c>.</summary>
    public required JobState State { get; init; }

    /// <summary>The time when the job was accepted.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>The time when the engine started on the song; null until then.</summary>
    public DateTimeOffset? StartedAt { get; init; }

    /// <summary>The time when the job succeeded, failed or was cancelled; null until then.</summary>
    public DateTimeOffset? FinishedAt { get; init; }

    /// <summary>The caller's own name for the job; null if absent or invalid.</summary>
    public string? ClientJobId { get; init; }

    /// <summary>The position in the queue, from 1; null unless queued.</summary>
    public int? QueuePosition { get; init; }

    /// <summary>The progress of the song; null unless running.</summary>
    public JobProgressBody? Progress { get; init; }

    /// <summary>Seconds until the song is finished, estimated from measured times; null if finished or unknown.</summary>
    public double? EstimatedSecondsLeft { get; init; }

    /// <summary>Seconds of sound that the stream has so far; null unless running.</summary>
    public double? AudibleSeconds { get; init; }

    /// <summary>The starts of the sections that have begun so far; null unless running.</summary>
    public IReadOnlyList<SectionStartBody>? Sections { get; init; }

    /// <summary>The score in ABC notation that the music follows; omitted in lists, until it is complete, and once the song is
    /// finished, because <c>song</c> has it then.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Score { get; init; }

    /// <summary>The reason for the failure; null unless the job failed.</summary>
    public JobFault? Error { get; init; }

    /// <summary>The reason why the job has not ended although its song has been made or it was cancelled, or why it is waiting for a
    /// worker; null otherwise.</summary>
    public string? DelayReason { get; init; }

    /// <summary>The song's title. By default, the first line of the lyrics.</summary>
    public required string Title { get; init; }

    /// <summary>True if the song is a favorite. Favorites are never removed by retention.</summary>
    public required bool Favourite { get; init; }

    /// <summary>The user's note about the song; null without one.</summary>
    public string? Note { get; init; }

    /// <summary>The song that this one continues, revises or finishes; null for a new song, and for one that continues from
    /// codes.</summary>
    public SongParent? Parent { get; init; }

    /// <summary>The group of the take; omitted for a song that is not a take.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public SongTake? Group { get; init; }

    /// <summary>The genre line.</summary>
    public required string Genre { get; init; }

    /// <summary>The lyrics; omitted in lists.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Lyrics { get; init; }

    /// <summary>The request with all fields, as for <c>POST /v1/songs</c>; omitted in lists.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public NormalizedRequest? Request { get; init; }

    /// <summary>Warnings about how the request was interpreted and, once the song is finished, about how it was sung.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }

    /// <summary>The finished song; null until then.</summary>
    public FinishedSong? Song { get; init; }

    /// <summary>The links of the job.</summary>
    public required JobLinks Links { get; init; }
}

/// <summary>The song that another one continues, revises or finishes.</summary>
/// <param name="Id">The id of its job, which may have been removed.</param>
/// <param name="How"><c>continue</c>, <c>replace_section</c> or <c>finish</c>.</param>
/// <param name="Section">The section that is sung again, from 1; null if none is.</param>
internal sealed record SongParent(string Id, string How, int? Section)
{
    public static SongParent? Of(JobRequest request) => request.ParentId is not { } id ? null
        : request.Song.Scope == SongScope.Finish ? new(id, "finish", null)
        : request.Song.ReplaceSection is { } section ? new(id, "replace_section", section)
        : new(id, "continue", null);
}

/// <summary>The position of a song among takes.</summary>
/// <param name="Id">The id of the group, at <c>/v1/groups/{id}</c>.</param>
/// <param name="Take">The number of the take, from 1.</param>
internal sealed record SongTake(string Id, int Take)
{
    public static SongTake? Of(StoredJob job) => job.Take is { } take ? new(take.GroupId, take.Number) : null;
}

/// <summary>The progress of a song.</summary>
/// <param name="Stage"><c>stage1</c> (singing), <c>stage2</c> (refining) or <c>decode</c>; with YuE 2, <c>score</c>, <c>music</c>,
/// <c>flow</c> or <c>decode</c>.</param>
/// <param name="Section">The section being sung, from 1, not counting kept sections; 0 after stage 1, and with YuE 2.</param>
/// <param name="Sections">The number of sections to sing, not counting kept sections.</param>
/// <param name="Tokens">The number of tokens so far: stage-1 tokens of all sections that are not kept, or tokens of the score or of the
/// music. 0 in other stages.</param>
/// <param name="Frames">The number of finished frames (YuE 1) or music tokens (YuE 2) in a later stage; 0 while tokens are being
/// written.</param>
/// <param name="Total">The total number of tokens or frames of this stage. While tokens are being written, it is an estimate
/// that may grow (YuE 1) or the maximum (YuE 2); after that, it is exact.</param>
/// <param name="Percent">The progress of the whole song, 0 to 100. It never decreases.</param>
internal sealed record JobProgressBody(
    Yue.Engine.Songs.SongStage Stage, int Section, int Sections, long Tokens, long Frames, long Total, double Percent);

/// <summary>The start of a section of a song that is being made.</summary>
/// <param name="Tag">The lyric tag, such as <c>verse</c>.</param>
/// <param name="StartSeconds">The time in the song at which the section begins, in seconds.</param>
internal sealed record SectionStartBody(string Tag, double StartSeconds);

/// <summary>The links of a job.</summary>
/// <param name="Self">The URL of the job.</param>
/// <param name="Events">The URL of its server-sent events.</param>
/// <param name="Stream">The URL that streams its song, even while it is being made.</param>
/// <param name="Audio">The URL of its finished song.</param>
/// <param name="Peaks">The URL of its song's peaks.</param>
/// <param name="Codes">The URL of its song's stage-1 codes.</param>
internal sealed record JobLinks(string Self, string Events, string Stream, string Audio, string Peaks, string Codes);

/// <summary>A page of jobs, newest first.</summary>
/// <param name="Songs">The jobs.</param>
/// <param name="NextCursor">The <c>cursor</c> of the next page; null on the last page.</param>
internal sealed record SongJobList(IReadOnlyList<SongJobResponse> Songs, string? NextCursor);

/// <summary>The data of a job's event.</summary>
/// <param name="State">The state, which is also the event's name.</param>
/// <param name="QueuePosition">The position in the queue, from 1; null unless queued.</param>
/// <param name="Progress">The progress of the song; null before it begins.</param>
/// <param name="EstimatedSecondsLeft">Seconds until the song is finished; null if finished or unknown.</param>
/// <param name="AudibleSeconds">Seconds of sound that the stream has so far; null unless running.</param>
/// <param name="Sections">The starts of the sections that have begun so far; null unless running.</param>
/// <param name="Error">The reason for the failure; null unless the job failed.</param>
/// <param name="DelayReason">The reason why no worker can take the job; null if there is none.</param>
internal sealed record JobEventBody(
    JobState State,
    int? QueuePosition,
    JobProgressBody? Progress,
    double? EstimatedSecondsLeft,
    double? AudibleSeconds,
    IReadOnlyList<SectionStartBody>? Sections,
    JobFault? Error,
    string? DelayReason);

/// <summary>The data of the event <c>score</c>, which is sent before the first music token.</summary>
/// <param name="Score">The score in ABC notation.</param>
internal sealed record ScoreEventBody(string Score);

/// <summary>The reason why a job failed.</summary>
/// <param name="Type">A <c>urn:yue:…</c> name.</param>
/// <param name="Title">The title, which is the same for every error of this type.</param>
/// <param name="Detail">The error in this case, without internal details.</param>
internal sealed record JobFault(string Type, string Title, string Detail)
{
    public static JobFault? From(Fault? fault)
    {
        if (fault is null)
        {
            return null;
        }

        var type = ProblemType.Of(fault.Kind);
        return new(type.Urn, type.Title, fault.Detail);
    }
}

/// <summary>A finished song without its files.</summary>
/// <param name="SampleRate">The sample rate of every track in Hz.</param>
/// <param name="DurationSeconds">The length of the mix in seconds.</param>
/// <param name="Seed">The seed that was used.</param>
/// <param name="Model">The model that made the song.</param>
/// <param name="Timings">The times of the stages.</param>
/// <param name="Sections">The song's sections, in order; empty for a model without sections.</param>
/// <param name="Warnings">Warnings about how the request was interpreted and how the song was made.</param>
/// <param name="Tracks">The tracks that have a file: <c>mix</c> and, with stems, <c>vocal</c> and <c>instrumental</c>. Empty if only a
/// score was written.</param>
/// <param name="Stage"><c>full</c>, <c>draft</c>, <c>finish</c> or <c>score</c>: the stages that were run.</param>
internal sealed record FinishedSong(
    int SampleRate,
    double DurationSeconds,
    long Seed,
    string Model,
    TimingsBody Timings,
    IReadOnlyList<SectionBody> Sections,
    IReadOnlyList<string> Warnings,
    IReadOnlyList<string> Tracks,
    SongScope Stage = SongScope.Full)
{
    /// <summary>The number of channels of every track: 1, or 2 for stereo.</summary>
    public required int Channels { get; init; }

    /// <summary>The score in ABC notation that the music follows; null without one.</summary>
    public string? Score { get; init; }

    /// <summary>The part of the reference clip that was used; null without a clip.</summary>
    public ReferenceBody? Reference { get; init; }

    /// <summary>The effect of <c>output.loudness_lufs</c>; null if it was not requested.</summary>
    public LoudnessBody? Loudness { get; init; }

    /// <summary>The loudness of the mix in LUFS (ITU-R BS.1770), which players can use to play songs equally loud; null for
    /// silence.</summary>
    public double? MixLufs { get; init; }

    public static FinishedSong? From(StoredSong? song) => song is null ? null : new(
        song.SampleRate,
        song.DurationSeconds,
        song.Seed,
        song.Model,
        TimingsBody.From(song.Timings),
        SectionBody.ListOf(song.Sections),
        song.Warnings,
        song.Tracks,
        song.Scope)
    {
        Channels = song.Channels,
        Score = song.Score,
        Reference = ReferenceBody.From(song.Reference),
        Loudness = LoudnessBody.From(song.Loudness),
        MixLufs = song.MixLufs,
    };
}
