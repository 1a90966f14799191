using Yue.Cuda.Decode;
using Yue.Engine.Weights;
using static TorchSharp.torch;

namespace Yue.Engine.Llama;

/// <summary>All weights of a Llama checkpoint, each allocated once (docs/model.md 2.2). Owns its tensors.</summary>
public sealed class LlamaWeights : IDisposable
{
    private LlamaWeights(
        Tensor embedding, IReadOnlyList<LlamaLayerWeights> layers, Tensor norm, WeightMatrix head, IdRange scoredIds)
    {
        Embedding = embedding;
        Layers = layers;
        Norm = norm;
        Head = head;
        ScoredIds = scoredIds;
    }

    /// <summary>[V, hidden], on the model's device, or in pinned host memory.</summary>
    public Tensor Embedding { get; }

    /// <summary>The device that the model runs on.</summary>
    public Device Device => Norm.device;

    /// <summary>The dtype that the model computes in.</summary>
    public ScalarType Dtype => Norm.dtype;

    public IReadOnlyList<LlamaLayerWeights> Layers { get; }

    /// <summary>[hidden].</summary>
    public Tensor Norm { get; }

    /// <summary>[V, hidden], or only the rows of <see cref="ScoredIds"/>. It is the embedding itself if the checkpoint ties the two
    /// and nothing is quantized.</summary>
    public WeightMatrix Head { get; }

    /// <summary>The ids of the head's rows.</summary>
    public IdRange ScoredIds { get; }

    /// <summary>Reads every weight in the source's dtype onto its device.</summary>
    /// <param name="config">The checkpoint's dimensions.</param>
    /// <param name="source">The checkpoint.</param>
    /// <param name="loaded">Called with the fraction done after each block.</param>
    public static LlamaWeights Load(LlamaConfig config, ITensorSource source, Action<double>? loaded = null) =>
        Load(config, source, null, DeviceParts.All, loaded);

    /// <summary>Reads the weights that a device needs.</summary>
    /// <param name="config">The checkpoint's dimensions.</param>
    /// <param name="source">The checkpoint.</param>
    /// <param name="quantizer">Converts the matrices to fewer bits; the embedding and the norms are not converted. If null,
    /// nothing is converted.</param>
    /// <param name="parts">The parts that are needed; null means all.</param>
    /// <param name="loaded">Called with the fraction done after each block.</param>
    internal static LlamaWeights Load(
        LlamaConfig config, ITensorSource source, MatrixQuantizer? quantizer, DeviceParts? parts = null, Action<double>? loaded = null)
    {
        parts ??= DeviceParts.All;
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var (V, hidden) = ((long)config.VocabularySize, (long)config.HiddenSize);
        var type = quantizer?.Type ?? WeightType.BFloat16;
        var embedding = source.Read("model.embed_tokens.weight", V, hidden);
        var tied = config.TieWordEmbeddings ? embedding : null;
        if (!parts.HasEmbedding && !DeviceParts.IsEmbedding(config, type))
        {
            using var onDevice = tied is null ? embedding : null;
            embedding = embedding.cpu().pin_memory();
        }

        var layers = new List<LlamaLayerWeights>();
        try
        {
            for (var i = 0; i < config.Layers; i++)
            {
                layers.Add(LlamaLayerWeights.Load(config, source, $"model.layers.{i}.", BlockNames.Llama, quantizer));
                loaded?.Invoke((i + 1.0) / config.Layers);
            }

            var norm = source.Read("model.norm.weight", hidden);
            var ids = parts.ScoredIdsOf(config, type);
            var headMatrix = new MatrixLoader(source, quantizer).LoadHead(tied, V, hidden, ids);
            var weights = new LlamaWeights(embedding, layers, norm, headMatrix, ids);
            weights.Detach();
            return weights;
        }
        catch
        {
            layers.ForEach(layer => layer.Dispose());
            throw;
        }
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
