using Yue.Engine.Songs;

namespace Yue.Engine.Scheduling;

/// <summary>Makes a few songs concurrently. It has no queue: a song is admitted only if a slot is free.</summary>
public interface ISongEngine
{
    /// <summary>The engine's current state. Cheap to read and thread-safe.</summary>
    EngineStatus Status { get; }

    /// <summary>Completes with the reason if the device is lost after the engine became ready. Only a new process can use the device
    /// again. An engine that could not load its models has failed, but is not lost.</summary>
    Task<string> Lost { get; }

    /// <summary>Starts loading the models in the background and returns immediately.</summary>
    void Start();

    /// <summary>Completes when a song can be admitted. Another caller may take the slot first.</summary>
    /// <exception cref="EngineDeadException">The engine failed and no longer admits songs.</exception>
    /// <exception cref="SongException">The engine is draining and no longer admits songs.</exception>
    Task WhenRoomAsync(CancellationToken cancel);

    /// <summary>Returns the size of a request; null before the models are loaded, or if its model is not configured. Thread-safe.</summary>
    SongMeasure? Measure(SongRequest request);

    /// <summary>Returns an estimate of a song's work for comparing songs; null before the models are loaded, or if its model is not
    /// configured. Thread-safe.</summary>
    double? WorkOf(SongRequest request);

    /// <summary>Admits a song if a slot is free, and returns immediately.</summary>
    bool TryAdmit(SongTicket ticket);

    /// <summary>Loads or unloads the models that songs made with the given model need. Models in use stay in memory.</summary>
    /// <param name="model">The name that requests use for the model.</param>
    /// <param name="isLoaded">True to load, false to unload.</param>
    /// <param name="cancel">Cancels the wait, not the loading.</param>
    /// <returns>False if songs in progress use the models or the memory that is needed.</returns>
    /// <exception cref="SongRequestException">The model is not configured.</exception>
    /// <exception cref="SongException">The models could not be loaded, or the engine is loading or draining.</exception>
    Task<bool> SetLoadedAsync(string model, bool isLoaded, CancellationToken cancel);

    /// <summary>Stops admitting songs, and completes when all admitted songs have ended.</summary>
    /// <param name="hurry">Cancels the admitted songs.</param>
    Task DrainAsync(CancellationToken hurry);
}
