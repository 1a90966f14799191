namespace Yue.Engine.Stage2;

/// <summary>Adds the residual codebooks to chunks of codebook-0 codes. Used by the engine's thread only.</summary>
public interface IStage2Decoder : IDisposable
{
    /// <summary>The most chunks that one run takes.</summary>
    int MaxRows { get; }

    /// <summary>Starts a run; null while another run of the decoder is not disposed.</summary>
    /// <param name="chunks">Codebook-0 codes, each of 1 to <see cref="Stage2Chunks.FramesPerChunk"/> frames.</param>
    IStage2Run? TryBegin(IReadOnlyList<int[]> chunks);
}

/// <summary>Chunks on their way through stage 2, a frame a step.</summary>
public interface IStage2Run : IDisposable
{
    /// <summary>Frames done, over all chunks.</summary>
    int FramesDone { get; }

    /// <summary>Writes the next frame of every chunk that has one, or the next few where the decoder runs ahead.</summary>
    /// <returns>Whether frames are left.</returns>
    bool Advance();

    /// <summary>Codes of one chunk, [Q, F] row by row with codebook 0 first, once every frame is done: id − 45334 −
    /// 1024·codebook, which the reference mask lets fall outside 0..1023.</summary>
    int[][] Codes(int chunk);
}
