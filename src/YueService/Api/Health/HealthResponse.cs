using Yue.Engine.Residency;
using Yue.Engine.Scheduling;

namespace YueService.Api.Health;

/// <summary>The response of <c>GET /health</c>.</summary>
internal sealed record HealthResponse
{
    /// <summary><c>ok</c> when ready, as in the earlier Python service; otherwise the state. <c>/health/ready</c> returns
    /// <c>jobs_refused</c> if the engine is ready but jobs cannot be accepted.</summary>
    public required string Status { get; init; }

    /// <summary><c>loading</c>, <c>ready</c>, <c>failed</c> or <c>draining</c>.</summary>
    public required EngineState State { get; init; }

    /// <summary>The service's name.</summary>
    public required string Service { get; init; }

    /// <summary>The service's version.</summary>
    public required string Version { get; init; }

    /// <summary>True if the built-in demo model is in use.</summary>
    public required bool Demo { get; init; }

    /// <summary>A note for people, for example that the demo model is in use; null if there is none.</summary>
    public string? Note { get; init; }

    /// <summary>True if the service is ready and all models have been unloaded. The next song loads those that it needs.</summary>
    public required bool Idle { get; init; }

    /// <summary>The model being loaded, or another step such as <c>starting</c> or <c>warming up</c>; null unless loading.</summary>
    public string? Loading { get; init; }

    /// <summary>The progress of loading, 0 to 100; null unless loading.</summary>
    public double? Percent { get; init; }

    /// <summary>The reason why the engine cannot make songs; null unless failed.</summary>
    public string? Reason { get; init; }

    /// <summary>The reason why jobs cannot be accepted; null if they can, or while the engine is not ready.</summary>
    public string? JobsRefused { get; init; }

    /// <summary>The configured models.</summary>
    public required IReadOnlyList<ModelStatus> Models { get; init; }

    /// <summary><c>cpu</c>, or the name of the GPU.</summary>
    public required string Device { get; init; }

    /// <summary>Memory of the device, in bytes.</summary>
    public required MemoryStatus Memory { get; init; }

    /// <summary>The number of waiting songs, its maximum, and the number of songs being made.</summary>
    public required QueueBody Queue { get; init; }
}

/// <summary>The queue.</summary>
/// <param name="Depth">The number of waiting songs.</param>
/// <param name="Running">The number of songs being made.</param>
/// <param name="Capacity">The maximum number of waiting songs.</param>
internal sealed record QueueBody(int Depth, int Running, int Capacity);

/// <summary>The response of <c>GET /health/live</c>.</summary>
/// <param name="Status">Always <c>ok</c>.</param>
internal sealed record LiveResponse(string Status);
