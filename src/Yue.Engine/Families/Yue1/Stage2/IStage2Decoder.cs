namespace Yue.Engine.Families.Yue1.Stage2;

/// <summary>Adds the residual codebooks to chunks of codebook-0 codes, those of several songs in one batch. Used by the engine's
/// thread only.</summary>
public interface IStage2Decoder : IDisposable
{
    /// <summary>Chunks that may begin now.</summary>
    int FreeRows { get; }

    /// <summary>Starts a run of chunks, a row each, beside the runs under way.</summary>
    /// <param name="chunks">Codebook-0 codes, each of 1 to <see cref="Stage2Chunks.FramesPerChunk"/> frames; as many as there are free
    /// rows at most.</param>
    /// <returns>The run, which keeps its rows until it is disposed.</returns>
    IStage2Run Begin(IReadOnlyList<int[]> chunks);

    /// <summary>Writes the next frame of every chunk that has one, or the next few where the decoder runs ahead.</summary>
    void Advance();
}

/// <summary>Chunks on their way through stage 2.</summary>
public interface IStage2Run : IDisposable
{
    /// <summary>Frames done, over all chunks.</summary>
    int FramesDone { get; }

    /// <summary>Whether every frame is done.</summary>
    bool IsDone { get; }

    /// <summary>Codes of one chunk, [Q, F] row by row with codebook 0 first, once the run is done: id − 45334 −
    /// 1024·codebook, which the reference mask lets fall outside 0..1023.</summary>
    int[][] Codes(int chunk);
}
