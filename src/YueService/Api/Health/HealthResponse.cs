using Yue.Engine.Residency;
using Yue.Engine.Scheduling;

namespace YueService.Api.Health;

/// <summary>What <c>GET /health</c> says.</summary>
internal sealed record HealthResponse
{
    /// <summary><c>ok</c> when ready, as the old service said; the state otherwise. <c>/health/ready</c> says <c>jobs_refused</c> when only
    /// jobs cannot be accepted.</summary>
    public required string Status { get; init; }

    /// <summary><c>loading</c>, <c>ready</c>, <c>failed</c> or <c>draining</c>.</summary>
    public required EngineState State { get; init; }

    /// <summary>The service's name.</summary>
    public required string Service { get; init; }

    /// <summary>The release.</summary>
    public required string Version { get; init; }

    /// <summary>Whether the built-in demo model runs.</summary>
    public required bool Demo { get; init; }

    /// <summary>What a reader should know, such as that the demo model runs; null when there is nothing.</summary>
    public string? Note { get; init; }

    /// <summary>What is being loaded; null unless loading.</summary>
    public string? Loading { get; init; }

    /// <summary>How much of the loading is done, 0 to 100; null unless loading.</summary>
    public double? Percent { get; init; }

    /// <summary>Why the engine cannot sing; null unless failed.</summary>
    public string? Reason { get; init; }

    /// <summary>Why jobs cannot be accepted; null when they can, or while the engine is not ready.</summary>
    public string? JobsRefused { get; init; }

    /// <summary>The configured models.</summary>
    public required IReadOnlyList<ModelStatus> Models { get; init; }

    /// <summary><c>cpu</c>, or the name of the GPU.</summary>
    public required string Device { get; init; }

    /// <summary>Memory of the device, in bytes.</summary>
    public required MemoryStatus Memory { get; init; }

    /// <summary>The songs waiting and being made.</summary>
    public required QueueBody Queue { get; init; }
}

/// <summary>The queue.</summary>
/// <param name="Depth">Songs waiting.</param>
/// <param name="Running">Songs being made.</param>
/// <param name="Capacity">Songs that may wait.</param>
internal sealed record QueueBody(int Depth, int Running, int Capacity);

/// <summary>What <c>GET /health/live</c> says.</summary>
/// <param name="Status">Always <c>ok</c>.</param>
internal sealed record LiveResponse(string Status);
