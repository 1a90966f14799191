using System.Security.Cryptography;
using Yue.Engine.Audio;
using Yue.Engine.Songs;

namespace YueService.Jobs;

/// <summary>The state of a job.</summary>
/// <remarks>JSON and stored rows contain these names in lowercase.</remarks>
internal enum JobState
{
    Queued,
    Running,
    Succeeded,
    Failed,
    Cancelled,
}

/// <summary>The request of a job.</summary>
/// <param name="Song">The song to make.</param>
/// <param name="Format">The format that the request names; null if it names none.</param>
/// <param name="ClientJobId">The caller's own name for the job.</param>
/// <param name="Warnings">Warnings about how the request was interpreted.</param>
internal sealed record JobRequest(SongRequest Song, AudioFormat? Format, string? ClientJobId, IReadOnlyList<string> Warnings)
{
    /// <summary>The trace that the job belongs to, as a <c>traceparent</c>; null if there was no tracing, or if an earlier release accepted
    /// the job.</summary>
    public string? TraceParent { get; init; }

    /// <summary>The song's title, which a user may have changed since the request; null if an earlier release accepted the job.</summary>
    public string? Title { get; init; }

    /// <summary>The metadata for the song's files.</summary>
    public SoundTags Tags => new(Title ?? "", Song.Seed, Song.Instrumental ? "" : Song.Lyrics);

    /// <summary>The stored song that this one continues; null for a new song, or one that continues from codes.</summary>
    public string? ParentId { get; init; }

    /// <summary>The address that receives a webhook when the job ends; null for none.</summary>
    public string? CallbackUrl { get; init; }

    /// <summary>Returns the same request with another seed.</summary>
    public JobRequest WithSeed(long seed) => this with { Song = Song with { Seed = seed } };
}

/// <summary>The position of a job in a group of takes.</summary>
/// <param name="GroupId">The id of the group: 32 hexadecimal digits.</param>
/// <param name="Number">The number of the take, from 1.</param>
internal sealed record JobTake(string GroupId, int Number);

/// <summary>A new job to store.</summary>
/// <param name="Id">32 hexadecimal digits.</param>
/// <param name="Request">The request.</param>
/// <param name="Key">The <c>Idempotency-Key</c>; null without one, and for takes, because their group has it.</param>
/// <param name="BodyHash">The hash of the body that was sent with the key.</param>
internal sealed record NewJob(string Id, JobRequest Request, string? Key, string? BodyHash)
{
    /// <summary>The position in a group; null for a song that is not a take.</summary>
    public JobTake? Take { get; init; }

    /// <summary>The name of the caller's API key; null without keys. In a shared queue, jobs of different owners take turns.</summary>
    public string? Owner { get; init; }

    /// <summary>The id of the process in which a caller waits for the song; null if the job is kept.</summary>
    public string? Caller { get; init; }

    /// <summary>The size of each file of the reference clip in bytes, by name; null without a clip.</summary>
    public IReadOnlyDictionary<string, long>? Files { get; init; }

    /// <summary>Returns a new unique identifier.</summary>
    public static string NewId() => RandomNumberGenerator.GetHexString(32, lowercase: true);
}

/// <summary>A new group of takes to store.</summary>
/// <param name="Id">32 hexadecimal digits.</param>
/// <param name="Key">The <c>Idempotency-Key</c>; null without one.</param>
/// <param name="BodyHash">The hash of the body that was sent with the key.</param>
/// <param name="Owner">The name of the API key that requested it; null without keys.</param>
internal sealed record NewGroup(string Id, string? Key, string? BodyHash, string? Owner);

/// <summary>A group of takes in the log.</summary>
/// <param name="Id">32 hexadecimal digits.</param>
/// <param name="BodyHash">The hash of the body that was sent with an <c>Idempotency-Key</c>; null without one.</param>
/// <param name="CreatedAt">The time when its jobs were accepted.</param>
/// <param name="Takes">Its jobs that have not been removed, in order; at least one.</param>
internal sealed record StoredGroup(string Id, string? BodyHash, DateTimeOffset CreatedAt, IReadOnlyList<StoredJob> Takes);

/// <summary>A job in the log.</summary>
internal sealed record StoredJob
{
    /// <summary>32 hexadecimal digits.</summary>
    public required string Id { get; init; }

    /// <summary>The job's number in order of arrival, which does not depend on a clock.</summary>
    public required long Number { get; init; }

    public required JobState State { get; init; }

    public required JobRequest Request { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset? StartedAt { get; init; }

    public DateTimeOffset? FinishedAt { get; init; }

    /// <summary>The position in a group; null for a song that is not a take.</summary>
    public JobTake? Take { get; init; }

    /// <summary>The user's note; null without one.</summary>
    public string? Note { get; init; }

    /// <summary>True if retention never removes the song.</summary>
    public bool IsFavourite { get; init; }

    /// <summary>The number of changes to the title, the note or the favorite mark.</summary>
    public long Edits { get; init; }

    /// <summary>The number of interruptions: the process ended, or the device or the claim was lost, while the job was running.</summary>
    public int Interruptions { get; init; }

    /// <summary>The hash of the body that was sent with an <c>Idempotency-Key</c>; null without one.</summary>
    public string? BodyHash { get; init; }

    /// <summary>The reason for the failure; null unless failed.</summary>
    public Fault? Fault { get; init; }

    /// <summary>The finished song; null unless succeeded.</summary>
    public StoredSong? Song { get; init; }

    /// <summary>The sizes of the job's files in bytes, by name: those of the song or, until it is finished, those of the reference clip.
    /// Null if an earlier release stored the job.</summary>
    public IReadOnlyDictionary<string, long>? Files { get; init; }

    /// <summary>The name of the API key that requested it; null without keys, or if an earlier release stored the job.</summary>
    public string? Owner { get; init; }

    /// <summary>The number of times that a worker has claimed the job or has lost it by not renewing the claim. Only the last attempt may
    /// store the job's progress and outcome. 0 if the log is not shared.</summary>
    public int Attempt { get; init; }

    /// <summary>The song's folder in the file store; null if the folder is named after the job's id.</summary>
    public string? Folder { get; init; }

    /// <summary>The id of the process in which a caller waits for the song; null if the job is kept.</summary>
    public string? Caller { get; init; }

    /// <summary>True if the stored job could not be read. It is shown as failed and can be removed.</summary>
    public bool IsDamaged { get; init; }

    /// <summary>True if the job has ended.</summary>
    public bool IsFinished => State is not (JobState.Queued or JobState.Running);
}
