using Yue.Engine.Weights;
using static TorchSharp.torch;

namespace Yue.Engine.Llama;

/// <summary>The weights of one transformer block, fused in the way that decode reads them.</summary>
/// <param name="InputNorm">[hidden].</param>
/// <param name="Qkv">[(H + 2K)·D, hidden]: queries, keys, values.</param>
/// <param name="Output">[hidden, H·D].</param>
/// <param name="PostNorm">[hidden].</param>
/// <param name="GateUp">[2·I, hidden]: row 2i is gate i, row 2i + 1 is up i.</param>
/// <param name="Down">[hidden, I].</param>
public sealed record LlamaLayerWeights(
    Tensor InputNorm, WeightMatrix Qkv, WeightMatrix Output, Tensor PostNorm, WeightMatrix GateUp, WeightMatrix Down);

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

    /// <summary>Reads every weight. A quantizer converts the matrices to 8 bits; embedding and norms stay as they are.</summary>
    internal static LlamaWeights Load(LlamaConfig config, ITensorSource source, MatrixQuantizer? quantizer, Action<double>? loaded = null)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var (V, hidden) = ((long)config.VocabularySize, (long)config.HiddenSize);
        var embedding = source.Read("model.embed_tokens.weight", V, hidden);
        var layers = new List<LlamaLayerWeights>();
        for (var i = 0; i < config.Layers; i++)
        {
            layers.Add(LoadLayer(config, source, quantizer, $"model.layers.{i}."));
            loaded?.Invoke((i + 1.0) / config.Layers);
        }

        var norm = source.Read("model.norm.weight", hidden);
        var head = config.TieWordEmbeddings ? embedding : source.Read("lm_head.weight", V, hidden);
        var weights = new LlamaWeights(embedding, layers, norm, Matrix(head, quantizer, "lm_head"));
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
            layer.InputNorm.Dispose();
            layer.PostNorm.Dispose();
            Matrices(layer).ForEach(matrix => matrix.Dispose());
        }
    }

    private static LlamaLayerWeights LoadLayer(LlamaConfig config, ITensorSource source, MatrixQuantizer? quantizer, string prefix)
    {
        using var scope = NewDisposeScope();
        var hidden = (long)config.HiddenSize;
        var (q, kv, I) = (
            (long)config.Heads * config.HeadSize, (long)config.KeyValueHeads * config.HeadSize, (long)config.IntermediateSize);
        var qkv = empty([q + (2 * kv), hidden], source.Dtype, source.Device);
        source.ReadInto(prefix + "self_attn.q_proj.weight", qkv.narrow(0, 0, q));
        source.ReadInto(prefix + "self_attn.k_proj.weight", qkv.narrow(0, q, kv));
        source.ReadInto(prefix + "self_attn.v_proj.weight", qkv.narrow(0, q + kv, kv));
        var gateUp = empty([I, 2, hidden], source.Dtype, source.Device);
        source.ReadInto(prefix + "mlp.gate_proj.weight", gateUp.select(1, 0));
        source.ReadInto(prefix + "mlp.up_proj.weight", gateUp.select(1, 1));
        var layer = new LlamaLayerWeights(
            source.Read(prefix + "input_layernorm.weight", hidden),
            Matrix(qkv, quantizer, prefix + "self_attn.qkv"),
            Matrix(source.Read(prefix + "self_attn.o_proj.weight", hidden, q), quantizer, prefix + "self_attn.o_proj"),
            source.Read(prefix + "post_attention_layernorm.weight", hidden),
            Matrix(gateUp.view(2 * I, hidden), quantizer, prefix + "mlp.gate_up"),
            Matrix(source.Read(prefix + "mlp.down_proj.weight", hidden, I), quantizer, prefix + "mlp.down_proj"));
        Detach(layer);
        return layer;
    }

    private static WeightMatrix Matrix(Tensor values, MatrixQuantizer? quantizer, string name) =>
        quantizer is null ? new WeightMatrix(values) : quantizer.Quantize(values, name);

    private static List<WeightMatrix> Matrices(LlamaLayerWeights layer) => [layer.Qkv, layer.Output, layer.GateUp, layer.Down];

    private static void Detach(LlamaLayerWeights layer)
    {
        layer.InputNorm.DetachFromDisposeScope();
        layer.PostNorm.DetachFromDisposeScope();
        Matrices(layer).ForEach(matrix => matrix.Detach());
    }

    private void Detach()
    {
        Embedding.DetachFromDisposeScope();
        Norm.DetachFromDisposeScope();
        Head.Detach();
    }
}
