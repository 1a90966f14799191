using Yue.Engine.Songs;

namespace Yue.Engine.Scheduling;

/// <summary>What the rest of the service sees of the engine.</summary>
public interface ISongEngine
{
    /// <summary>The engine's state now; cheap, callable from any thread.</summary>
    EngineStatus Status { get; }

    /// <summary>Completes with the reason when the engine was ready and has failed: the device is lost, and only a new process gets it
    /// back. One that could not load its models is failed, not lost.</summary>
    Task<string> Lost { get; }

    /// <summary>How long a song submitted now would wait before it starts, from measured times.</summary>
    TimeSpan EstimatedWait { get; }

    /// <summary>Hands a song to the engine's queue; returns at once.</summary>
    /// <param name="request">A request within <see cref="SongLimits"/>.</param>
    /// <param name="progress">Told of every step, from the engine's thread: it must not block.</param>
    /// <param name="song">When accepted: the song. It fails with <see cref="SongException"/> when this song cannot be
    /// made, with <see cref="EngineDeadException"/> when the device is lost, and is cancelled by the token.</param>
    /// <param name="cancel">Checked between steps; a queued song is dropped.</param>
    SubmitOutcome TrySubmit(
        SongRequest request, IProgress<SongProgress>? progress, out Task<SongResult>? song, CancellationToken cancel);
}

/// <summary>What became of a submission.</summary>
public enum SubmitOutcome
{
    Accepted,

    /// <summary>The queue is full; try again after <see cref="ISongEngine.EstimatedWait"/>.</summary>
    QueueFull,

    /// <summary>The engine is loading, failed or draining; <see cref="ISongEngine.Status"/> says which.</summary>
    NotReady,
}
