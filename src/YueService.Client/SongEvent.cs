using System.Text.Json.Serialization;

namespace YueService.Client;

/// <summary>An event of a song: its state and progress.</summary>
public sealed class SongEvent
{
    /// <summary>The state of the job.</summary>
    [JsonPropertyName("state")]
    public JobState State { get; init; }

    /// <summary>The position in the queue, from 1; null unless queued.</summary>
    [JsonPropertyName("queue_position")]
    public int? QueuePosition { get; init; }

    /// <summary>The progress of the song; null before it begins.</summary>
    [JsonPropertyName("progress")]
    public JobProgressBody? Progress { get; init; }

    /// <summary>Seconds until the song is finished, estimated from measured times; null if finished or unknown.</summary>
    [JsonPropertyName("estimated_seconds_left")]
    public double? EstimatedSecondsLeft { get; init; }

    /// <summary>Seconds of sound that the stream has so far; null unless running.</summary>
    [JsonPropertyName("audible_seconds")]
    public double? AudibleSeconds { get; init; }

    /// <summary>The starts of the sections that have begun so far; null unless running.</summary>
    [JsonPropertyName("sections")]
    public IReadOnlyList<SectionStartBody>? Sections { get; init; }

    /// <summary>The reason for the failure; null unless the job failed.</summary>
    [JsonPropertyName("error")]
    public JobFault? Error { get; init; }

    /// <summary>The reason why no worker can take the job; null if there is none.</summary>
    [JsonPropertyName("delay_reason")]
    public string? DelayReason { get; init; }
}
