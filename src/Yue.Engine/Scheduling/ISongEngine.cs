using Yue.Engine.Songs;

namespace Yue.Engine.Scheduling;

/// <summary>Makes songs, a few at once. It has no queue: a song is admitted when a place is free, or not at all.</summary>
public interface ISongEngine
{
    /// <summary>The engine's state now; cheap, callable from any thread.</summary>
    EngineStatus Status { get; }

    /// <summary>Completes with the reason when the engine was ready and has failed: the device is lost, and only a new process gets it
    /// back. One that could not load its models is failed, not lost.</summary>
    Task<string> Lost { get; }

    /// <summary>Starts to load the models in the background, and returns at once.</summary>
    void Start();

    /// <summary>Completes when a song can be admitted. Another caller may take the place before.</summary>
    /// <exception cref="EngineDeadException">The engine failed: it admits no song any more.</exception>
    /// <exception cref="SongException">The engine drains: it admits no song any more.</exception>
    Task WhenRoomAsync(CancellationToken cancel);

    /// <summary>Returns the size of a request; null before the models are loaded, or if its model is not here. Callable from any
    /// thread.</summary>
    SongMeasure? Measure(SongRequest request);

    /// <summary>Returns the likely work of a song, to compare songs; null before the models are loaded, or if its model is not here.
    /// Callable from any thread.</summary>
    double? WorkOf(SongRequest request);

    /// <summary>Admits a song if a place is free; returns at once.</summary>
    bool TryAdmit(SongTicket ticket);

    /// <summary>Admits no song any more, and completes when the admitted ones have ended.</summary>
    /// <param name="hurry">Cancels them.</param>
    Task DrainAsync(CancellationToken hurry);
}
