using Yue.Cuda.Decode;

namespace Yue.Engine.Llama;

/// <summary>The parts of a language model that are loaded onto its device.</summary>
internal sealed record DeviceParts
{
    /// <summary>All weights.</summary>
    public static DeviceParts All { get; } = new();

    /// <summary>The ids that steps score; null means all. The other rows of the head are not loaded.</summary>
    public IdRange? ScoredIds { get; init; }

    /// <summary>If false, the embedding stays in host memory, which a GPU can read. However, an embedding that is also the head is always
    /// loaded onto the device.</summary>
    public bool HasEmbedding { get; init; } = true;

    /// <summary>Returns the ids of the head's rows. A head that is also the embedding has all ids.</summary>
    public IdRange ScoredIdsOf(LlamaConfig config, WeightType type) =>
        ScoredIds is { } ids && !IsEmbedding(config, type) ? ids : new IdRange(0, config.VocabularySize);

    /// <summary>Returns true if the head of a checkpoint is the embedding: the checkpoint ties them, and the head is not
    /// converted.</summary>
    public static bool IsEmbedding(LlamaConfig config, WeightType type) =>
        config.TieWordEmbeddings && type is WeightType.BFloat16 or WeightType.Float32;
}
