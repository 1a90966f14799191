using Yue.Engine.Audio;
using Yue.Engine.Songs;
using YueService.Api.Predict;
using YueService.Jobs.Audio;

namespace YueService.Jobs;

/// <summary>What a job is doing. The names are those of the JSON and of the store.</summary>
internal enum JobState
{
    Queued,
    Running,
    Succeeded,
    Failed,
    Cancelled,
}

/// <summary>What a job was asked for.</summary>
/// <param name="Song">What the engine is asked for.</param>
/// <param name="Format">The format that the request named; null when it did not.</param>
/// <param name="ClientJobId">The caller's own name for the job.</param>
/// <param name="Warnings">What the caller should know about how the request was understood.</param>
internal sealed record JobRequest(SongRequest Song, AudioFormat? Format, string? ClientJobId, IReadOnlyList<string> Warnings)
{
    /// <summary>The trace that the job belongs to, as a <c>traceparent</c>; null where nothing traced, or an earlier release took the job.</summary>
    public string? TraceParent { get; init; }
}

/// <summary>Why a job failed.</summary>
/// <param name="Type">A <c>urn:yue:…</c> name.</param>
/// <param name="Title">The same for every fault of the type.</param>
/// <param name="Detail">What went wrong this time; no internals.</param>
internal sealed record JobFault(string Type, string Title, string Detail);

/// <summary>What is known of a finished song besides its files.</summary>
/// <param name="SampleRate">Samples a second of every track.</param>
/// <param name="DurationSeconds">The mix's length.</param>
/// <param name="Seed">The seed that was used.</param>
/// <param name="Model">The stage-1 checkpoint that sang.</param>
/// <param name="Timings">Where the time went.</param>
/// <param name="Sections">The song's sections, in order.</param>
/// <param name="Warnings">What the caller should know about how the request was understood and sung.</param>
/// <param name="Tracks">The tracks that have a file: <c>mix</c>, and with stems <c>vocal</c> and <c>instrumental</c>.</param>
/// <param name="Stage"><c>full</c>, <c>draft</c> or <c>finish</c>: how much of the way it went.</param>
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
    /// <summary>What was heard of the reference clip; null without one.</summary>
    public ReferenceBody? Reference { get; init; }

    /// <summary>What <c>output.loudness_lufs</c> did; null when it was not asked for.</summary>
    public LoudnessBody? Loudness { get; init; }

    /// <summary>The contract's view of a song that the engine made.</summary>
    public static FinishedSong From(SongResult result, JobRequest request, EncodedSong encoded, IEnumerable<string> tracks) => new(
        result.Mix.SampleRateHz,
        result.Mix.DurationSeconds,
        result.Seed,
        result.Model,
        TimingsBody.From(result.Timings),
        [.. result.Sections.Select(SectionBody.From)],
        [.. request.Warnings, .. result.Warnings, .. encoded.Warnings],
        [.. tracks],
        result.Scope)
    {
        Reference = ReferenceBody.From(result.Reference),
        Loudness = encoded.Loudness,
    };
}

/// <summary>A finished song as its folder holds it.</summary>
/// <param name="Song">The song besides its files.</param>
/// <param name="Files">The bytes of each file by its name.</param>
internal sealed record StoredSong(FinishedSong Song, IReadOnlyDictionary<string, long> Files);

/// <summary>A job as the store knows it.</summary>
internal sealed record JobRecord
{
    /// <summary>32 hexadecimal digits.</summary>
    public required string Id { get; init; }

    /// <summary>The order of arrival, which no clock has a say in.</summary>
    public required long Number { get; init; }

    public required JobState State { get; init; }

    public required JobRequest Request { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset? StartedAt { get; init; }

    public DateTimeOffset? FinishedAt { get; init; }

    /// <summary>How often the process ended while the job was running.</summary>
    public int Interruptions { get; init; }

    /// <summary>The hash of the body that came with an <c>Idempotency-Key</c>; null without one.</summary>
    public string? BodyHash { get; init; }

    /// <summary>Null unless failed.</summary>
    public JobFault? Fault { get; init; }

    /// <summary>Null unless succeeded.</summary>
    public FinishedSong? Song { get; init; }

    /// <summary>The bytes of the job's files by name: the song's, or the reference clip's before. Null when an earlier release stored the job.</summary>
    public IReadOnlyDictionary<string, long>? Files { get; init; }

    /// <summary>True if the stored job could not be read. It is shown as failed and can be removed.</summary>
    public bool IsDamaged { get; init; }

    /// <summary>Whether nothing more will happen to the job.</summary>
    public bool IsFinished => State is not (JobState.Queued or JobState.Running);
}

/// <summary>A job that is to be stored.</summary>
/// <param name="Id">32 hexadecimal digits.</param>
/// <param name="Request">What was asked for.</param>
/// <param name="Key">The <c>Idempotency-Key</c>; null without one.</param>
/// <param name="BodyHash">The hash of the body that came with the key.</param>
internal sealed record NewJob(string Id, JobRequest Request, string? Key, string? BodyHash)
{
    /// <summary>The bytes of each file of the reference clip by its name; null without a clip.</summary>
    public IReadOnlyDictionary<string, long>? Files { get; init; }
}
