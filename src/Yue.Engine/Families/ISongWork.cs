using Yue.Engine.Songs;

namespace Yue.Engine.Families;

/// <summary>A song being made: a state machine that the step loop moves on, one step at a time.</summary>
/// <remarks>Used by the engine's thread only. Steps are short, so that a cancelled song stops soon and other songs do not wait. An
/// exception ends this song and no other. Disposing gives back all that the song holds, in any state.</remarks>
internal interface ISongWork : IDisposable
{
    /// <summary>The stage that the song is in.</summary>
    SongStage Stage { get; }

    /// <summary>True while the song waits for room for a model. No song is admitted meanwhile, so that the songs which use the other
    /// models come to an end.</summary>
    bool IsWaiting { get; }

    /// <summary>The steps that the song takes part in before its next <see cref="Advance"/>; they are taken in this order.</summary>
    IReadOnlyList<ISharedStep> SharedSteps { get; }

    /// <summary>Work on another thread that is the only thing left to wait for; null if there is none.</summary>
    Task? Background { get; }

    /// <summary>The finished song; null until then.</summary>
    SongResult? Result { get; }

    /// <summary>Checks the request and takes the first model, if there is room for it.</summary>
    void Begin();

    /// <summary>Takes what the shared steps brought, and does the next step that only this song needs.</summary>
    void Advance();
}

/// <summary>A step that several songs take together, such as one token of every row of a batch.</summary>
/// <remarks>Songs share a step if it is equal in their <see cref="ISongWork.SharedSteps"/>. An exception ends all songs that take
/// part.</remarks>
internal interface ISharedStep
{
    /// <summary>Takes the step.</summary>
    /// <param name="songs">The songs that take part, all of the family that the step belongs to.</param>
    void Advance(IReadOnlyList<ISongWork> songs);
}
