namespace Yue.Engine.Stage2;

/// <summary>Cuts a track into the pieces that stage 2 works on (MODEL.md 2.4).</summary>
public static class Stage2Chunks
{
    /// <summary>Six seconds: the length that the model was trained on.</summary>
    public const int FramesPerChunk = 300;

    /// <summary>Codebooks of a finished frame: the one that stage 1 wrote and seven residual ones.</summary>
    public const int Codebooks = 8;

    /// <summary>Pieces of <see cref="FramesPerChunk"/> frames; the last one may be shorter.</summary>
    public static IEnumerable<int[]> Of(int[] track) => track.Chunk(FramesPerChunk);
}
