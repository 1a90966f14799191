using Yue.Engine.Scheduling;
using Yue.Engine.Songs;

namespace YueService.Jobs;

/// <summary>The one way to the engine: songs that a caller waits for and jobs share its capacity and its order of arrival.</summary>
internal interface IJobQueue
{
    /// <summary>How long a song submitted now would wait, from measured times.</summary>
    TimeSpan EstimatedWait { get; }

    /// <summary>What a song takes once it has begun, from measured times; null before one was made.</summary>
    TimeSpan? SongTime { get; }

    /// <summary>Whether only jobs from before the restart are taken; new songs are refused as if the queue were full.</summary>
    bool IsHeld { get; set; }

    /// <summary>Hands a song over; returns at once.</summary>
    /// <param name="request">What to sing.</param>
    /// <param name="listener">Told of progress and of every change of place, from any thread; it must not block.</param>
    /// <param name="restored">Whether the song was accepted before the process started.</param>
    /// <param name="song">When accepted: the song on its way.</param>
    /// <param name="cancel">Takes the song out, or stops it within one decode step.</param>
    SubmitOutcome TryEnqueue(
        SongRequest request, ISongListener? listener, bool restored, out QueuedSong? song, CancellationToken cancel);
}

/// <summary>Follows a song through the queue and the engine. Called from the engine's thread.</summary>
internal interface ISongListener : IProgress<SongProgress>
{
    /// <summary>A song before this one left the queue.</summary>
    void Moved();
}
