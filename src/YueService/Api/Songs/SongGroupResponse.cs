using YueService.Jobs;

namespace YueService.Api.Songs;

/// <summary>The takes of one request, as <c>/v1/groups</c> returns them.</summary>
internal sealed record SongGroupResponse
{
    /// <summary>The group's identifier: 32 hexadecimal digits.</summary>
    public required string Id { get; init; }

    /// <summary><c>queued</c> until a take begins, then <c>running</c> until all have ended. Then <c>succeeded</c> if a take did, else
    /// <c>failed</c> if a take did, else <c>cancelled</c>.</summary>
    public required JobState State { get; init; }

    /// <summary>The time when the jobs were taken.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>The takes in their order, without those that were removed.</summary>
    public required IReadOnlyList<GroupTake> Takes { get; init; }

    /// <summary>Warnings for the caller about how the request was understood.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }

    /// <summary>The links of the group.</summary>
    public required GroupLinks Links { get; init; }
}

/// <summary>A take: a job of its own, of which <c>/v1/songs</c> says more.</summary>
internal sealed record GroupTake
{
    /// <summary>The number of the take, from 1 on.</summary>
    public required int Take { get; init; }

    /// <summary>The job's identifier.</summary>
    public required string Id { get; init; }

    /// <summary>The seed: that of the request for the first take, and one more for each further one.</summary>
    public required long Seed { get; init; }

    /// <summary><c>queued</c>, <c>running</c>, <c>succeeded</c>, <c>failed</c> or <c>cancelled</c>.</summary>
    public required JobState State { get; init; }

    /// <summary>The place in the queue from 1 on; null unless queued and handed to the engine.</summary>
    public int? QueuePosition { get; init; }

    /// <summary>The progress of the song; null unless running.</summary>
    public JobProgressBody? Progress { get; init; }

    /// <summary>Seconds until the song is there, estimated from measured times; null when finished or not known.</summary>
    public double? EstimatedSecondsLeft { get; init; }

    /// <summary>Seconds of sound that can be heard at the stream; null unless running.</summary>
    public double? AudibleSeconds { get; init; }

    /// <summary>The reason for the failure; null unless the job failed.</summary>
    public JobFault? Error { get; init; }

    /// <summary>The links of the job.</summary>
    public required JobLinks Links { get; init; }
}

/// <summary>The links of a group.</summary>
/// <param name="Self">The group.</param>
internal sealed record GroupLinks(string Self);
