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

    /// <summary>The progress of the song; null unless running.</summary>
    [JsonPropertyName("progress")]
    public JobProgressBody? Progress { get; init; }

    /// <summary>Seconds until the song is finished, estimated from measured times; null if finished or unknown.</summary>
    [JsonPropertyName("estimated_seconds_left")]
    public double? EstimatedSecondsLeft { get; init; }

    /// <summary>Seconds of sound that the stream has so far; null unless running.</summary>
    [JsonPropertyName("audible_seconds")]
    public double? AudibleSeconds { get; init; }

    /// <summary>The starts of the sections in the song, as far as it is written; null unless running.</summary>
    [JsonPropertyName("sections")]
    public IReadOnlyList<SectionStartBody>? Sections { get; init; }

    /// <summary>The reason for the failure; null unless the job failed.</summary>
    [JsonPropertyName("error")]
    public JobFault? Error { get; init; }

    /// <summary>The reason why the job waits for a worker; null otherwise.</summary>
    [JsonPropertyName("delay_reason")]
    public string? DelayReason { get; init; }
}
