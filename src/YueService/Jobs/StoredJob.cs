using System.Security.Cryptography;
using Yue.Engine.Audio;
using Yue.Engine.Songs;

namespace YueService.Jobs;

/// <summary>The state of a job.</summary>
/// <remarks>The names are those of the JSON and of the stored rows.</remarks>
internal enum JobState
{
    Queued,
    Running,
    Succeeded,
    Failed,
    Cancelled,
}

/// <summary>The request of a job.</summary>
/// <param name="Song">What the engine is asked for.</param>
/// <param name="Format">The format that the request named; null when it did not.</param>
/// <param name="ClientJobId">The caller's own name for the job.</param>
/// <param name="Warnings">What the caller should know about how the request was understood.</param>
internal sealed record JobRequest(SongRequest Song, AudioFormat? Format, string? ClientJobId, IReadOnlyList<string> Warnings)
{
    /// <summary>The trace that the job belongs to, as a <c>traceparent</c>;
    /// null where nothing traced, or an earlier release took the job.</summary>
    public string? TraceParent { get; init; }

    /// <summary>The song's title, which may have been changed since; null if an earlier release took the job.</summary>
    public string? Title { get; init; }

    /// <summary>The facts about the song that its files carry.</summary>
    public SoundTags Tags => new(Title ?? "", Song.Seed, Song.Instrumental ? "" : Song.Lyrics);

    /// <summary>The stored song that this one goes on from; null for a new song, or one that goes on from codes.</summary>
    public string? ParentId { get; init; }

    /// <summary>The address that receives a webhook when the job ends; null for none.</summary>
    public string? CallbackUrl { get; init; }

    /// <summary>Returns the same request with another seed.</summary>
    public JobRequest WithSeed(long seed) => this with { Song = Song with { Seed = seed } };
}

/// <summary>The place of a job in a group of takes.</summary>
/// <param name="GroupId">32 hexadecimal digits.</param>
/// <param name="Number">From 1 on.</param>
internal sealed record JobTake(string GroupId, int Number);

/// <summary>A job that is to be stored.</summary>
/// <param name="Id">32 hexadecimal digits.</param>
/// <param name="Request">What was asked for.</param>
/// <param name="Key">The <c>Idempotency-Key</c>; null without one, and for a take, whose group has it.</param>
/// <param name="BodyHash">The hash of the body that came with the key.</param>
internal sealed record NewJob(string Id, JobRequest Request, string? Key, string? BodyHash)
{
    /// <summary>The place in a group; null for a song by itself.</summary>
    public JobTake? Take { get; init; }

    /// <summary>The API key that asked for it, by a name; null without keys. Jobs of different owners take turns.</summary>
    public string? Owner { get; init; }

    /// <summary>The process whose caller waits for the song; null if the job is kept.</summary>
    public string? Caller { get; init; }

    /// <summary>The bytes of each file of the reference clip by its name; null without a clip.</summary>
    public IReadOnlyDictionary<string, long>? Files { get; init; }

    /// <summary>Returns an identifier that no other job or group has.</summary>
    public static string NewId() => RandomNumberGenerator.GetHexString(32, lowercase: true);
}

/// <summary>A group of takes that is to be stored.</summary>
/// <param name="Id">32 hexadecimal digits.</param>
/// <param name="Key">The <c>Idempotency-Key</c>; null without one.</param>
/// <param name="BodyHash">The hash of the body that came with the key.</param>
/// <param name="Owner">The API key that asked for it, by a name; null without keys.</param>
internal sealed record NewGroup(string Id, string? Key, string? BodyHash, string? Owner);

/// <summary>A group of takes, as the log holds it.</summary>
/// <param name="Id">32 hexadecimal digits.</param>
/// <param name="BodyHash">The hash of the body that came with an <c>Idempotency-Key</c>; null without one.</param>
/// <param name="CreatedAt">When its jobs were taken.</param>
/// <param name="Takes">Its jobs that have not been removed, in their order; at least one.</param>
internal sealed record StoredGroup(string Id, string? BodyHash, DateTimeOffset CreatedAt, IReadOnlyList<StoredJob> Takes);

/// <summary>A job that is kept, as the log holds it.</summary>
internal sealed record StoredJob
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

    /// <summary>The place in a group; null for a song by itself.</summary>
    public JobTake? Take { get; init; }

    /// <summary>The user's note; null without one.</summary>
    public string? Note { get; init; }

    /// <summary>True if the song is kept however old it is.</summary>
    public bool IsFavourite { get; init; }

    /// <summary>The number of changes of title, note or favourite.</summary>
    public long Edits { get; init; }

    /// <summary>The number of times that the process ended while the job was running.</summary>
    public int Interruptions { get; init; }

    /// <summary>The hash of the body that came with an <c>Idempotency-Key</c>; null without one.</summary>
    public string? BodyHash { get; init; }

    /// <summary>Null unless failed.</summary>
    public Fault? Fault { get; init; }

    /// <summary>Null unless succeeded.</summary>
    public StoredSong? Song { get; init; }

    /// <summary>The bytes of the job's files by name: the song's, or the reference
    /// clip's before. Null when an earlier release stored the job.</summary>
    public IReadOnlyDictionary<string, long>? Files { get; init; }

    /// <summary>The API key that asked for it, by a name; null without keys, or if an earlier release stored the job.</summary>
    public string? Owner { get; init; }

    /// <summary>The number of times that a worker has claimed the job. Only the last one may store how it goes on and ends. 0 where one
    /// process has the log to itself.</summary>
    public int Attempt { get; init; }

    /// <summary>The song's folder in the store of files; null for the one that is named like the job.</summary>
    public string? Folder { get; init; }

    /// <summary>The process whose caller waits for the song; null if the job is kept.</summary>
    public string? Caller { get; init; }

    /// <summary>True if the stored job could not be read. It is shown as failed and can be removed.</summary>
    public bool IsDamaged { get; init; }

    /// <summary>True if nothing more will happen to the job.</summary>
    public bool IsFinished => State is not (JobState.Queued or JobState.Running);
}
