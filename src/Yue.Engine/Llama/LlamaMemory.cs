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
        var kv = (long)config.KeyValueHeads * config.HeadSize;
        var (rows, values) = (attention + (2 * kv) + hidden + (2L * config.IntermediateSize) + hidden,
            (hidden * ((2 * attention) + (2 * kv))) + (3 * hidden * config.IntermediateSize));
        var hasScales = type is not (WeightType.BFloat16 or WeightType.Float32);
        var headRows = config.TieWordEmbeddings && !hasScales ? 0 : (long)config.VocabularySize;
        var (matrixRows, matrixValues) = ((config.Layers * rows) + headRows, (config.Layers * values) + (headRows * hidden));
        var plainValues = (config.VocabularySize * hidden) + (((2L * config.Layers) + 1) * hidden);
        var plainBytes = type == WeightType.Float32 ? sizeof(float) : sizeof(ushort);
        return (plainBytes * plainValues) + (LlamaShape.BytesOf(type) * matrixValues) + (hasScales ? sizeof(float) * matrixRows : 0);
    }

    /// <summary>Returns the memory for the attention scores of a prompt's longest chunk, in bytes.</summary>
    public static long PrefillScoreBytes(LlamaConfig config, WeightType type) =>
        (long)LlamaModel.PrefillChunk * config.MaxPositions * config.Heads * BytesPerScore(type);

    /// <summary>Returns the memory of one score over all its copies, in bytes: with mask and softmax in F32, and in the type of the
    /// computation.</summary>
    private static int BytesPerScore(WeightType type) => type == WeightType.Float32 ? 12 : 10;
}
