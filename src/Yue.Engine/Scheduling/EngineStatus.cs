using Yue.Engine.Residency;
using Yue.Engine.Songs;

namespace Yue.Engine.Scheduling;

/// <summary>What the engine can do at this moment.</summary>
public enum EngineState
{
    Loading,
    Ready,
    Failed,
    Draining,
}

/// <summary>A snapshot of the engine for health checks.</summary>
public sealed record EngineStatus
{
    public required EngineState State { get; init; }

    /// <summary>What is being loaded; null unless loading.</summary>
    public string? Loading { get; init; }

    /// <summary>How much of the loading is done, 0 to 100.</summary>
    public double Percent { get; init; }

    /// <summary>Why loading failed or the device was lost; null otherwise.</summary>
    public string? Failure { get; init; }

    /// <summary>Whether the built-in demo model runs, because no checkpoint is configured.</summary>
    public bool IsDemo { get; init; }

    /// <summary>The models that make songs now, the default one first; none until they are known.</summary>
    public IReadOnlyList<ModelDescription> SongModels { get; init; } = [];

    /// <summary>The models that no machine has now, but one had lately. Their songs wait. None for a machine by itself.</summary>
    public IReadOnlyList<ModelDescription> AbsentModels { get; init; } = [];

    /// <summary>The models that requests can name, the default one first; none until they are known.</summary>
    public IReadOnlyList<ModelDescription> KnownModels => [.. SongModels, .. AbsentModels];

    /// <summary>All models, with those that work behind a song's model.</summary>
    public IReadOnlyList<ModelStatus> Models { get; init; } = [];

    /// <summary><c>cpu</c>, or the name of the GPU.</summary>
    public string Device { get; init; } = "";

    public MemoryStatus Memory { get; init; } = new(0, 0, 0);

    /// <summary>The songs that can be made at once.</summary>
    public int SongsAtOnce { get; init; } = 1;

    /// <summary>Songs being made.</summary>
    public int Running { get; init; }

    /// <summary>How long the step that the engine's thread is in has taken so far; zero when it waits for songs.</summary>
    public TimeSpan InStep { get; init; }
}

/// <summary>The device is lost: no song can be made until the process starts again.</summary>
public sealed class EngineDeadException(string message, Exception? inner = null) : Exception(message, inner);
