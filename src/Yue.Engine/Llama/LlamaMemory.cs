using Yue.Cuda.Decode;

namespace Yue.Engine.Llama;

/// <summary>The memory of a Llama checkpoint, computed from its dimensions.</summary>
internal static class LlamaMemory
{
    /// <summary>Returns the number of weights.</summary>
    public static long Parameters(LlamaConfig config) => WeightBytes(config, WeightType.BFloat16) / sizeof(ushort);

    /// <summary>Returns the bytes of the weights on a GPU.</summary>
    public static long WeightBytes(LlamaConfig config, WeightType type)
    {
        var (hidden, attention) = ((long)config.HiddenSize, (long)config.Heads * config.HeadSize);
        var (qkvRows, gateUpRows) = (attention + (2L * config.KeyValueHeads * config.HeadSize), 2L * config.IntermediateSize);
        var perLayer = MatrixBytes(type, qkvRows, hidden) + MatrixBytes(type, hidden, attention)
            + MatrixBytes(type, gateUpRows, hidden) + MatrixBytes(type, hidden, config.IntermediateSize);
        var isPlain = type is WeightType.BFloat16 or WeightType.Float32;
        var headRows = config.TieWordEmbeddings && isPlain ? 0 : (long)config.VocabularySize * LlamaShape.HeadTerms(type);
        var plainValues = (config.VocabularySize * hidden) + (((2L * config.Layers) + 1) * hidden);
        var plainBytes = type == WeightType.Float32 ? sizeof(float) : sizeof(ushort);
        return (plainBytes * plainValues) + (config.Layers * perLayer) + MatrixBytes(type, headRows, hidden);
    }

    /// <summary>Returns the memory for the attention scores of a prompt's longest chunk, in bytes.</summary>
    public static long PrefillScoreBytes(LlamaConfig config, WeightType type) =>
        (long)LlamaModel.PrefillChunk * config.MaxPositions * config.Heads * BytesPerScore(type);

    /// <summary>Returns the memory of one score over all its copies, in bytes: with mask and softmax in F32, and in the type of the
    /// computation.</summary>
    private static int BytesPerScore(WeightType type) => type == WeightType.Float32 ? 12 : 10;

    private static long MatrixBytes(WeightType type, long rows, long columns) =>
        rows * (LlamaShape.RowBytes(type, columns) + (type is WeightType.Int8 or WeightType.Float8 ? sizeof(float) : 0));
}
