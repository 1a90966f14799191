using YueService.Jobs;

namespace YueService.Api.Songs;

/// <summary>The takes of one request, as <c>/v1/groups</c> returns them.</summary>
internal sealed record SongGroupResponse
{
    /// <summary>The group's identifier: 32 hexadecimal digits.</summary>
    public required string Id { get; init; }

    /// <summary><c>queued</c> until a take begins, then <c>running</c> until all have ended. Then <c>succeeded</c> if any take succeeded,
    /// otherwise <c>failed</c> if any take failed, otherwise <c>cancelled</c>.</summary>
    public required JobState State { get; init; }

    /// <summary>The time when the jobs were accepted.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>The takes in order, without those that were removed.</summary>
    public required IReadOnlyList<GroupTake> Takes { get; init; }

    /// <summary>Warnings about how the request was interpreted.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }

    /// <summary>The links of the group.</summary>
    public required GroupLinks Links { get; init; }
}

/// <summary>A take. Each take is a separate job; <c>/v1/songs</c> returns more about it.</summary>
internal sealed record GroupTake
{
    /// <summary>The number of the take, from 1.</summary>
    public required int Take { get; init; }

    /// <summary>The job's identifier.</summary>
    public required string Id { get; init; }

    /// <summary>The seed: the request's seed for take 1, increased by 1 for each further take.</summary>
    public required long Seed { get; init; }

    /// <summary><c>queued</c>, <c>running</c>, <c>succeeded</c>, <c>failed</c> or <c>cancelled</c>.</summary>
    public required JobState State { get; init; }

    /// <summary>The position in the queue, from 1; null unless queued.</summary>
    public int? QueuePosition { get; init; }

    /// <summary>The progress of the song; null unless running.</summary>
    public JobProgressBody? Progress { get; init; }

    /// <summary>Seconds until the song is finished, estimated from measured times; null if finished or unknown.</summary>
    public double? EstimatedSecondsLeft { get; init; }

    /// <summary>Seconds of sound that the stream has so far; null unless running.</summary>
    public double? AudibleSeconds { get; init; }

    /// <summary>The reason for the failure; null unless the job failed.</summary>
    public JobFault? Error { get; init; }

    /// <summary>The links of the job.</summary>
    public required JobLinks Links { get; init; }
}

/// <summary>The links of a group.</summary>
/// <param name="Self">The URL of the group.</param>
internal sealed record GroupLinks(string Self);
