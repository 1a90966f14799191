namespace Yue.Engine.Families.Yue1.Stage2;

/// <summary>Adds the residual codebooks to chunks of codebook-0 codes. The chunks of several songs can share a batch. Used by the engine's
/// thread only.</summary>
public interface IStage2Decoder : IDisposable
{
    /// <summary>The number of chunks that can begin now.</summary>
    int FreeRows { get; }

    /// <summary>The maximum number of chunks to process together if the first frames are urgent. Processing more chunks together is not
    /// faster than processing them one after another. <see cref="int.MaxValue"/> if processing together is always faster.</summary>
    int QuickRows { get; }

    /// <summary>The number of finished frames of each row in the next step. The time of the step depends on these numbers.</summary>
    IReadOnlyList<int> ActiveRows { get; }

    /// <summary>Starts a run of chunks, one row each, in addition to the runs that have begun.</summary>
    /// <param name="chunks">Codebook-0 codes, each of 1 to <see cref="Stage2Chunks.FramesPerChunk"/> frames; at most one chunk per free
    /// row.</param>
    /// <returns>The run, which keeps its rows until it is disposed.</returns>
    IStage2Run Begin(IReadOnlyList<int[]> chunks);

    /// <summary>Writes the next frame of every chunk that has one, or the next few frames if the decoder runs ahead.</summary>
    /// <returns>The number of frames that the step covers, some of which may be after the end of a chunk; 0 if the step wrote no
    /// frames.</returns>
    int Advance();
}

/// <summary>Chunks that stage 2 processes together.</summary>
public interface IStage2Run : IDisposable
{
    /// <summary>The number of finished frames of all chunks.</summary>
    int FramesDone { get; }

    /// <summary>True if every frame is finished.</summary>
    bool IsDone { get; }

    /// <summary>Returns the number of finished frames of a chunk.</summary>
    int FramesDoneOf(int chunk);

    /// <summary>Returns the codes of finished frames of a chunk, [Q][F] with codebook 0 first. Each code is id − 45334 −
    /// 1024·codebook. With the reference mask, codes may be outside 0 to 1023.</summary>
    /// <param name="chunk">The chunk's number in the run.</param>
    /// <param name="frames">The range of finished frames.</param>
    int[][] Codes(int chunk, Range frames);
}
