using Yue.Engine.Families.Yue1.Tokens;

namespace Yue.Engine.Families.Yue1.Stage2;

/// <summary>The pieces of a track that stage 2 works on (docs/model.md 2.4).</summary>
public static class Stage2Chunks
{
    /// <summary>Six seconds: the length that the model was trained on.</summary>
    public const int FramesPerChunk = 300;

    /// <summary>Codebooks of a finished frame: the one that stage 1 wrote and seven residual ones.</summary>
    public const int Codebooks = 8;

    /// <summary>Positions of a chunk's prompt at most: three control ids and the codebook-0 ids.</summary>
    public const int PromptPositions = 3 + FramesPerChunk;

    /// <summary>Positions of a chunk at most: its prompt and every finished frame.</summary>
    public const int Positions = PromptPositions + (Codebooks * FramesPerChunk);

    /// <summary>Pieces of <see cref="FramesPerChunk"/> frames; the last one may be shorter.</summary>
    public static IEnumerable<int[]> Of(int[] track) => track.Chunk(FramesPerChunk);

    /// <summary>Throws unless a decoder with so many free rows can take the chunks.</summary>
    internal static void Check(IReadOnlyList<int[]> chunks, int freeRows)
    {
        if (chunks.Count < 1 || chunks.Count > freeRows || chunks.Any(chunk => chunk.Length is < 1 or > FramesPerChunk))
        {
            throw new ArgumentException($"{freeRows} chunks of 1 to {FramesPerChunk} frames can begin, not {chunks.Count}", nameof(chunks));
        }
    }

    /// <summary>The codes of finished frames, [Q][F].</summary>
    /// <param name="ids">[F, Q]: frame after frame.</param>
    internal static int[][] CodesOf(int[] ids) =>
    [
        .. Enumerable.Range(0, Codebooks).Select(codebook =>
            Enumerable.Range(0, ids.Length / Codebooks)
                .Select(frame => TokenMap.ToCode(ids[(frame * Codebooks) + codebook], codebook)).ToArray()),
    ];
}
