using Yue.Engine.Residency;
using Yue.Engine.Songs;

namespace Yue.Engine.Scheduling;

/// <summary>The state of the engine.</summary>
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

    /// <summary>The model being loaded, or another step such as <c>starting</c> or <c>warming up</c>; null unless loading.</summary>
    public string? Loading { get; init; }

    /// <summary>The loading progress in percent, 0 to 100.</summary>
    public double Percent { get; init; }

    /// <summary>The reason why loading failed or the device was lost; null otherwise.</summary>
    public string? Failure { get; init; }

    /// <summary>True if the built-in demo model runs because no checkpoint is configured.</summary>
    public bool IsDemo { get; init; }

    /// <summary>The models that can currently make songs, the default one first; empty until they are known.</summary>
    public IReadOnlyList<ModelDescription> SongModels { get; init; } = [];

    /// <summary>The models that no machine currently has but that some machine had recently. Songs that use them wait. Always empty on a
    /// single machine.</summary>
    public IReadOnlyList<ModelDescription> AbsentModels { get; init; } = [];

    /// <summary>The models that requests can name, the default one first; empty until they are known.</summary>
    public IReadOnlyList<ModelDescription> KnownModels => [.. SongModels, .. AbsentModels];

    /// <summary>All models, including those that requests cannot name.</summary>
    public IReadOnlyList<ModelStatus> Models { get; init; } = [];

    /// <summary>True if no model is in memory, because all were unloaded. The next song loads those that it needs.</summary>
    public bool IsIdle => State == EngineState.Ready && Models.Count > 0 && Models.All(model => !model.Loaded);

    /// <summary><c>cpu</c>, or the name of the GPU.</summary>
    public string Device { get; init; } = "";

    public MemoryStatus Memory { get; init; } = new(0, 0, 0);

    /// <summary>The maximum number of concurrent songs.</summary>
    public int SongsAtOnce { get; init; } = 1;

    /// <summary>The number of songs in progress.</summary>
    public int Running { get; init; }

    /// <summary>The time since the current step of the engine's thread began; zero while the thread is waiting for songs.</summary>
    public TimeSpan InStep { get; init; }
}

/// <summary>The device is lost, or the models could not be loaded. No song can be made until the process is restarted.</summary>
public sealed class EngineDeadException(string message, Exception? inner = null) : Exception(message, inner);
