using Yue.Engine.Llama;
using static TorchSharp.torch;

namespace Yue.Testing;

/// <summary>Dimensions of test models. Tests change the relevant values using <c>with</c>.</summary>
public static class TestLlama
{
    /// <summary>Two small layers that the CPU computes quickly, with tied embeddings and F32 weights.</summary>
    public static LlamaConfig Tiny { get; } = new()
    {
        HiddenSize = 32,
        IntermediateSize = 48,
        Layers = 2,
        Heads = 4,
        KeyValueHeads = 2,
        HeadSize = 16,
        VocabularySize = 64,
        MaxPositions = 256,
        RopeTheta = 10_000,
        RmsNormEpsilon = 1e-5,
        TieWordEmbeddings = true,
        StoredDtype = ScalarType.Float32,
    };

    /// <summary>The dimensions of the published stage-1 checkpoint (docs/model.md 2.1).</summary>
    public static LlamaConfig FullSizeStage1 { get; } = Tiny with
    {
        HiddenSize = 4096,
        IntermediateSize = 11_008,
        Layers = 32,
        Heads = 32,
        KeyValueHeads = 4,
        HeadSize = 128,
        VocabularySize = 83_968,
        MaxPositions = 16_384,
        TieWordEmbeddings = false,
        StoredDtype = ScalarType.BFloat16,
    };

    /// <summary>The dimensions of the published stage-2 checkpoint (docs/model.md 2.1).</summary>
    public static LlamaConfig FullSizeStage2 { get; } = FullSizeStage1 with
    {
        HiddenSize = 2048,
        IntermediateSize = 5504,
        Heads = 16,
        KeyValueHeads = 16,
        VocabularySize = 83_840,
        MaxPositions = 8_192,
    };
}
