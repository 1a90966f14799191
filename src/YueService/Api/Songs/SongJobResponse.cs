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

    /// <summary>The time when the job was taken.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>The time when the engine began; null before.</summary>
    public DateTimeOffset? StartedAt { get; init; }

    /// <summary>The time when the job succeeded, failed or was cancelled; null before.</summary>
    public DateTimeOffset? FinishedAt { get; init; }

    /// <summary>The caller's own name for the job; null when absent or not in the allowed form.</summary>
    public string? ClientJobId { get; init; }

    /// <summary>The place in the queue from 1 on; null unless queued and handed to the engine.</summary>
    public int? QueuePosition { get; init; }

    /// <summary>The progress of the song; null unless running.</summary>
    public JobProgressBody? Progress { get; init; }

    /// <summary>Seconds until the song is there, estimated from measured times; null when finished or not known.</summary>
    public double? EstimatedSecondsLeft { get; init; }

    /// <summary>Seconds of sound that can be heard at the stream; null unless running.</summary>
    public double? AudibleSeconds { get; init; }

    /// <summary>The starts of the sections in the song, as far as it is written; null unless running.</summary>
    public IReadOnlyList<SectionStartBody>? Sections { get; init; }

    /// <summary>The reason for the failure; null unless the job failed.</summary>
    public JobFault? Error { get; init; }

    /// <summary>The reason why the job has not ended although its song is made, or waits for a worker; null otherwise.</summary>
    public string? DelayReason { get; init; }

    /// <summary>The song's title. By default, the first line of the lyrics.</summary>
    public required string Title { get; init; }

    /// <summary>True if the song is a favourite, which no retention removes.</summary>
    public required bool Favourite { get; init; }

    /// <summary>The user's own words about the song; null without any.</summary>
    public string? Note { get; init; }

    /// <summary>The song that this one goes on from; null for a new song, or one that goes on from codes.</summary>
    public SongParent? Parent { get; init; }

    /// <summary>The group that the song is a take of; left out for a song by itself.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public SongTake? Group { get; init; }

    /// <summary>The genre line.</summary>
    public required string Genre { get; init; }

    /// <summary>The lyrics; left out of lists.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Lyrics { get; init; }

    /// <summary>The request with every field, as <c>POST /v1/songs</c> takes it; left out of lists.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public NormalizedRequest? Request { get; init; }

    /// <summary>Warnings for the caller about how the request was understood.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }

    /// <summary>The finished song; null before.</summary>
    public FinishedSong? Song { get; init; }

    /// <summary>The links of the job.</summary>
    public required JobLinks Links { get; init; }
}

/// <summary>The song that another one goes on from.</summary>
/// <param name="Id">Its job, which may have been removed.</param>
/// <param name="How"><c>continue</c>, <c>replace_section</c> or <c>finish</c>.</param>
/// <param name="Section">The section that is sung again, from 1 on; null unless one is.</param>
internal sealed record SongParent(string Id, string How, int? Section)
{
    public static SongParent? Of(JobRequest request) => request.ParentId is not { } id ? null
        : request.Song.Scope == SongScope.Finish ? new(id, "finish", null)
        : request.Song.ReplaceSection is { } section ? new(id, "replace_section", section)
        : new(id, "continue", null);
}

/// <summary>The place of a song among takes.</summary>
/// <param name="Id">The group, at <c>/v1/groups/{id}</c>.</param>
/// <param name="Take">The number of the take, from 1 on.</param>
internal sealed record SongTake(string Id, int Take)
{
    public static SongTake? Of(StoredJob job) => job.Take is { } take ? new(take.GroupId, take.Number) : null;
}

/// <summary>The progress of a song.</summary>
/// <param name="Stage"><c>stage1</c> (singing), <c>stage2</c> (refining) or <c>decode</c>; with YuE 2 <c>score</c>, <c>music</c>,
/// <c>flow</c> or <c>decode</c>.</param>
/// <param name="Section">The section being sung, from 1 on, kept ones not counted; 0 after stage 1, and with YuE 2.</param>
/// <param name="Sections">How many sections are sung: without those that are kept.</param>
/// <param name="Tokens">Stage-1 tokens of the section, or tokens of the score or the music; 0 in other stages.</param>
/// <param name="Frames">Frames done in the stages after that; 0 before.</param>
/// <param name="Total">The tokens or frames that there are to do; of tokens an upper bound.</param>
/// <param name="Percent">The whole song's progress, 0 to 100, never falling.</param>
internal sealed record JobProgressBody(
    Yue.Engine.Songs.SongStage Stage, int Section, int Sections, long Tokens, long Frames, long Total, double Percent);

/// <summary>The start of a section of a song that is being made.</summary>
/// <param name="Tag">The lyric tag, such as <c>verse</c>.</param>
/// <param name="StartSeconds">The time in the song.</param>
internal sealed record SectionStartBody(string Tag, double StartSeconds);

/// <summary>The links of a job.</summary>
/// <param name="Self">The job.</param>
/// <param name="Events">Its progress as server-sent events.</param>
/// <param name="Stream">Its song while it is made.</param>
/// <param name="Audio">Its song.</param>
/// <param name="Peaks">Its song's outline.</param>
/// <param name="Codes">Its song's stage-1 codes.</param>
internal sealed record JobLinks(string Self, string Events, string Stream, string Audio, string Peaks, string Codes);

/// <summary>Some jobs, the newest first.</summary>
/// <param name="Songs">The jobs.</param>
/// <param name="NextCursor">The <c>cursor</c> of the next page; null on the last one.</param>
internal sealed record SongJobList(IReadOnlyList<SongJobResponse> Songs, string? NextCursor);

/// <summary>The data of a job's event.</summary>
/// <param name="State">The state from then on; also the event's name.</param>
/// <param name="QueuePosition">The place in the queue from 1 on; null unless queued.</param>
/// <param name="Progress">How far the song is; null before it begins.</param>
/// <param name="EstimatedSecondsLeft">Seconds until the song is there; null when finished or not known.</param>
/// <param name="AudibleSeconds">Seconds of sound that can be heard at the stream; null unless running.</param>
/// <param name="Sections">Where the sections start in the song, as far as it is written; null unless running.</param>
/// <param name="Error">Why the job failed; null unless it did.</param>
/// <param name="DelayReason">Why no worker can take the job now; null unless there is a reason.</param>
internal sealed record JobEventBody(
    JobState State,
    int? QueuePosition,
    JobProgressBody? Progress,
    double? EstimatedSecondsLeft,
    double? AudibleSeconds,
    IReadOnlyList<SectionStartBody>? Sections,
    JobFault? Error,
    string? DelayReason);

/// <summary>The data of the event <c>score</c>, which comes before the first music token.</summary>
/// <param name="Score">The score in ABC notation.</param>
internal sealed record ScoreEventBody(string Score);

/// <summary>The reason why a job failed.</summary>
/// <param name="Type">A <c>urn:yue:…</c> name.</param>
/// <param name="Title">The same for every fault of the type.</param>
/// <param name="Detail">What went wrong this time; no internals.</param>
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
/// <param name="SampleRate">Samples a second of every track.</param>
/// <param name="DurationSeconds">The mix's length.</param>
/// <param name="Seed">The seed that was used.</param>
/// <param name="Model">The model that sang.</param>
/// <param name="Timings">Where the time went.</param>
/// <param name="Sections">The song's sections, in order; none if the model does not sing in sections.</param>
/// <param name="Warnings">What the caller should know about how the request was understood and sung.</param>
/// <param name="Tracks">The tracks that have a file: <c>mix</c>, and with stems <c>vocal</c> and <c>instrumental</c>. None for
/// a score alone.</param>
/// <param name="Stage"><c>full</c>, <c>draft</c>, <c>finish</c> or <c>score</c>: how much of the way it went.</param>
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
    /// <summary>The channels of every track: 1, or 2 for stereo.</summary>
    public required int Channels { get; init; }

    /// <summary>The score in ABC notation that the music follows; null without one.</summary>
    public string? Score { get; init; }

    /// <summary>The part of the reference clip that was heard; null without a clip.</summary>
    public ReferenceBody? Reference { get; init; }

    /// <summary>The effect of <c>output.loudness_lufs</c>; null if it was not asked for.</summary>
    public LoudnessBody? Loudness { get; init; }

    /// <summary>The loudness of the mix in LUFS (ITU-R BS.1770), by which players make songs equally loud; null for silence.</summary>
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
