using System.Numerics;
using Yue.Cuda.Decode;

namespace Yue.Engine.Llama;

/// <summary>The memory of a Llama checkpoint, computed from its dimensions.</summary>
internal static class LlamaMemory
{
    /// <summary>The maximum number of bytes for the scores of a prefill: enough for 64 positions of stage 1 with a context of 8,192. With
    /// less memory, short prompts would need more kernel launches.</summary>
    private const long MaxScoreBytes = 3L << 26;

    /// <summary>The size, in bytes, of all copies of one score. With BF16, there are four: two bytes as computed, four bytes after the
    /// mask is added, four after the softmax (both in F32), and two in the dtype of the values. With F32, the first copy takes four
    /// bytes and there is no fourth copy.</summary>
    private const long ScoreBytes = 12;

    /// <summary>Returns the size, in bytes, of the weights on a GPU.</summary>
    /// <param name="config">The checkpoint's dimensions.</param>
    /// <param name="type">The type of the matrices.</param>
    /// <param name="parts">The parts that are loaded; null means all.</param>
    public static long WeightBytes(LlamaConfig config, WeightType type, DeviceParts? parts = null)
    {
        var (hidden, attention) = ((long)config.HiddenSize, (long)config.Heads * config.HeadSize);
        var (qkvRows, gateUpRows) = (attention + (2L * config.KeyValueHeads * config.HeadSize), 2L * config.IntermediateSize);
        var perLayer = MatrixBytes(type, qkvRows, hidden) + MatrixBytes(type, hidden, attention)
            + MatrixBytes(type, gateUpRows, hidden) + MatrixBytes(type, hidden, config.IntermediateSize);
        var scored = (parts ?? DeviceParts.All).ScoredIdsOf(config, type);
        var headRows = DeviceParts.IsEmbedding(config, type) ? 0 : (long)(scored.High - scored.Low) * LlamaShape.HeadTerms(type);
        var embedded = parts is { HasEmbedding: false } && !DeviceParts.IsEmbedding(config, type) ? 0 : (long)config.VocabularySize;
        var plainValues = (embedded + (2L * config.Layers) + 1) * hidden;
        var plainBytes = type == WeightType.Float32 ? sizeof(float) : sizeof(ushort);
        return (plainBytes * plainValues) + (config.Layers * perLayer) + MatrixBytes(type, headRows, hidden);
    }

    /// <summary>Returns the number of positions of a prompt for which attention is computed at the same time: all of them if their scores
    /// fit into <see cref="MaxScoreBytes"/>, otherwise the largest power of two that fits.</summary>
    /// <param name="rows">The number of sequences times the number of query heads.</param>
    /// <param name="length">The number of positions that each position attends to.</param>
    /// <param name="count">The number of positions.</param>
    public static long PositionsAtOnce(long rows, long length, long count)
    {
        var most = Math.Max(1, MaxScoreBytes / (rows * length * ScoreBytes));
        return count <= most ? count : 1L << BitOperations.Log2((ulong)most);
    }

    /// <summary>Returns the memory for the attention scores of a prompt, in bytes.</summary>
    public static long PrefillScoreBytes(LlamaConfig config) =>
        Math.Min(ScoreBytes * LlamaModel.PrefillChunk * config.MaxPositions * config.Heads, MaxScoreBytes);

    private static long MatrixBytes(WeightType type, long rows, long columns) =>
        rows * (LlamaShape.RowBytes(type, columns) + (type is WeightType.Int8 or WeightType.Float8 ? sizeof(float) : 0));
}
