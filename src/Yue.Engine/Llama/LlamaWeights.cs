using Yue.Cuda.Decode;
using Yue.Engine.Weights;
using static TorchSharp.torch;

namespace Yue.Engine.Llama;

/// <summary>All weights of a Llama checkpoint, each allocated once (docs/model.md 2.2). Owns its tensors.</summary>
public sealed class LlamaWeights : IDisposable
{
    private LlamaWeights(Tensor embedding, IReadOnlyList<LlamaLayerWeights> layers, Tensor norm, WeightMatrix head)
    {
        Embedding = embedding;
        Layers = layers;
        Norm = norm;
        Head = head;
    }

    /// <summary>[V, hidden].</summary>
    public Tensor Embedding { get; }

    public IReadOnlyList<LlamaLayerWeights> Layers { get; }

    /// <summary>[hidden].</summary>
    public Tensor Norm { get; }

    /// <summary>[V, hidden]. It is the embedding itself if the checkpoint ties them and nothing is quantized.</summary>
    public WeightMatrix Head { get; }

    /// <summary>Reads every weight in the source's dtype onto its device.</summary>
    /// <param name="config">The checkpoint's dimensions.</param>
    /// <param name="source">The checkpoint.</param>
    /// <param name="loaded">Called with the fraction done after each block.</param>
    public static LlamaWeights Load(LlamaConfig config, ITensorSource source, Action<double>? loaded = null) =>
        Load(config, source, null, loaded);

    /// <summary>Reads every weight. A quantizer converts the matrices to fewer bits; embedding and norms stay as they are.</summary>
    internal static LlamaWeights Load(LlamaConfig config, ITensorSource source, MatrixQuantizer? quantizer, Action<double>? loaded = null)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var (V, hidden) = ((long)config.VocabularySize, (long)config.HiddenSize);
        var embedding = source.Read("model.embed_tokens.weight", V, hidden);
        var layers = new List<LlamaLayerWeights>();
        for (var i = 0; i < config.Layers; i++)
        {
            layers.Add(LlamaLayerWeights.Load(config, source, $"model.layers.{i}.", BlockNames.Llama, quantizer));
            loaded?.Invoke((i + 1.0) / config.Layers);
        }

        var norm = source.Read("model.norm.weight", hidden);
        var head = config.TieWordEmbeddings ? embedding : source.Read("lm_head.weight", V, hidden);
        var headMatrix = quantizer?.Quantize(head, "lm_head", LlamaShape.HeadTerms(quantizer.Type)) ?? new WeightMatrix(head);
        var weights = new LlamaWeights(embedding, layers, norm, headMatrix);
        weights.Detach();
        return weights;
    }

    public void Dispose()
    {
        Embedding.Dispose();
        Norm.Dispose();
        Head.Dispose();
        foreach (var layer in Layers)
        {
            layer.Dispose();
        }
    }

    private void Detach()
    {
        Embedding.DetachFromDisposeScope();
        Norm.DetachFromDisposeScope();
        Head.Detach();
    }
}
