using Yue.Engine.Families.Yue1.Tokens;

namespace Yue.Engine.Families.Yue1.Stage2;

/// <summary>The chunks of a track that stage 2 works on (docs/model.md 2.4).</summary>
public static class Stage2Chunks
{
    /// <summary>The number of frames per full chunk: six seconds, the length that the model was trained on.</summary>
    public const int FramesPerChunk = 300;

    /// <summary>The number of codebooks per finished frame: one from stage 1 and seven residual ones.</summary>
    public const int Codebooks = 8;

    /// <summary>The maximum number of positions in a chunk's prompt: three control ids and the codebook-0 ids.</summary>
    public const int PromptPositions = 3 + FramesPerChunk;

    /// <summary>The maximum number of positions per chunk: its prompt and all frames.</summary>
    public const int Positions = PromptPositions + (Codebooks * FramesPerChunk);

    /// <summary>Throws unless every chunk has a valid length and there are enough free rows for all of them.</summary>
    internal static void Check(IReadOnlyList<int[]> chunks, int freeRows)
    {
        if (chunks.Count < 1 || chunks.Count > freeRows || chunks.Any(chunk => chunk.Length is < 1 or > FramesPerChunk))
        {
            throw new ArgumentException(
                $"chunks passed: {chunks.Count}, expected 1 to {freeRows}, each of 1 to {FramesPerChunk} frames", nameof(chunks));
        }
    }

    /// <summary>Returns the codes of finished frames, [Q][F].</summary>
    /// <param name="ids">[F, Q]: frame after frame.</param>
    internal static int[][] CodesOf(ArraySegment<int> ids) =>
    [
        .. Enumerable.Range(0, Codebooks).Select(codebook =>
            Enumerable.Range(0, ids.Count / Codebooks)
                .Select(frame => TokenMap.ToCode(ids[(frame * Codebooks) + codebook], codebook)).ToArray()),
    ];
}
