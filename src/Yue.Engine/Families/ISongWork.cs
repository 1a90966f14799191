using Yue.Engine.Songs;

namespace Yue.Engine.Families;

/// <summary>A song being made: a state machine that the step loop advances one step at a time.</summary>
/// <remarks>Used by the engine's thread only. Steps are short, so that a cancelled song stops soon and other songs do not wait. An
/// exception ends only this song. Disposing releases everything that the song holds, in any state.</remarks>
internal interface ISongWork : IDisposable
{
    /// <summary>The stage that the song is in.</summary>
    SongStage Stage { get; }

    /// <summary>True while the song is waiting for memory for a model. Meanwhile, no songs are admitted, so that songs that use other
    /// models can finish.</summary>
    bool IsWaiting { get; }

    /// <summary>The shared steps that advance the song before its next <see cref="Advance"/>, in this order.</summary>
    IReadOnlyList<ISharedStep> SharedSteps { get; }

    /// <summary>Work on another thread, if it is the only thing left to wait for; otherwise null.</summary>
    Task? Background { get; }

    /// <summary>The finished song; null until then.</summary>
    SongResult? Result { get; }

    /// <summary>Checks the request and acquires the first model if there is memory for it.</summary>
    void Begin();

    /// <summary>Reads the results of the shared steps, and runs the next step that this song does not share.</summary>
    void Advance();
}

/// <summary>A step that several songs run together, such as one token of every row of a batch.</summary>
/// <remarks>Songs share a step if their <see cref="ISongWork.SharedSteps"/> contain equal objects. An exception ends every song in the
/// step.</remarks>
internal interface ISharedStep
{
    /// <summary>Runs the step.</summary>
    /// <param name="songs">The songs to advance, all of the step's family.</param>
    void Advance(IReadOnlyList<ISongWork> songs);
}
