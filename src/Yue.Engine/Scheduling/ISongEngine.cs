using Yue.Engine.Songs;

namespace Yue.Engine.Scheduling;

/// <summary>Makes a few songs concurrently. It has no queue: a song is admitted only if a slot is free.</summary>
public interface ISongEngine
{
    /// <summary>The engine's current state. Cheap to read and thread-safe.</summary>
    EngineStatus Status { get; }

    /// <summary>Completes with the reason if the device is lost after the engine was ready. Only a new process can use the device again. An
    /// engine that could not load its models has failed, but is not lost.</summary>
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

    /// <summary>Stops admitting songs, and completes when all admitted songs have ended.</summary>
    /// <param name="hurry">Cancels the admitted songs.</param>
    Task DrainAsync(CancellationToken hurry);
}
