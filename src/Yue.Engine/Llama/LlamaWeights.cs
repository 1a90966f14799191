using Yue.Engine.Weights;
using static TorchSharp.torch;

namespace Yue.Engine.Llama;

/// <summary>The weights of one transformer block, fused as decode reads them.</summary>
/// <param name="InputNorm">[hidden].</param>
/// <param name="Qkv">[(H + 2K)·D, hidden]: queries, keys, values.</param>
/// <param name="Output">[hidden, H·D].</param>
/// <param name="PostNorm">[hidden].</param>
/// <param name="GateUp">[2·I, hidden]: row 2i is gate i, row 2i + 1 is up i.</param>
/// <param name="Down">[hidden, I].</param>
public sealed record LlamaLayerWeights(Tensor InputNorm, Tensor Qkv, Tensor Output, Tensor PostNorm, Tensor GateUp, Tensor Down);

/// <summary>All weights of a Llama checkpoint, each allocated once (MODEL.md 2.2). Owns its tensors.</summary>
public sealed class LlamaWeights : IDisposable
{
    private LlamaWeights(Tensor embedding, IReadOnlyList<LlamaLayerWeights> layers, Tensor norm, Tensor head)
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

    /// <summary>[V, hidden]; the embedding itself where the checkpoint ties them.</summary>
    public Tensor Head { get; }

    /// <summary>The number of weights.</summary>
    public long Parameters =>
        Embedding.numel() + Norm.numel() + (ReferenceEquals(Head, Embedding) ? 0 : Head.numel())
        + Layers.Sum(layer => Tensors(layer).Sum(tensor => tensor.numel()));

    /// <summary>Reads every weight in the source's dtype onto its device.</summary>
    /// <param name="config">The checkpoint's dimensions.</param>
    /// <param name="source">The checkpoint.</param>
    /// <param name="loaded">Told of the fraction done after each block.</param>
    public static LlamaWeights Load(LlamaConfig config, ITensorSource source, Action<double>? loaded = null)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var (V, hidden) = ((long)config.VocabularySize, (long)config.HiddenSize);
        var embedding = source.Read("model.embed_tokens.weight", V, hidden);
        var layers = new List<LlamaLayerWeights>();
        for (var i = 0; i < config.Layers; i++)
        {
            layers.Add(LoadLayer(config, source, $"model.layers.{i}."));
            loaded?.Invoke((i + 1.0) / config.Layers);
        }

        var norm = source.Read("model.norm.weight", hidden);
        var head = config.TieWordEmbeddings ? embedding : source.Read("lm_head.weight", V, hidden);
        var weights = new LlamaWeights(embedding, layers, norm, head);
        weights.All().ToList().ForEach(tensor => tensor.DetachFromDisposeScope());
        return weights;
    }

    public void Dispose()
    {
        foreach (var tensor in All())
        {
            tensor.Dispose();
        }
    }

    private static LlamaLayerWeights LoadLayer(LlamaConfig config, ITensorSource source, string prefix)
    {
        var hidden = (long)config.HiddenSize;
        var (q, kv, I) = ((long)config.Heads * config.HeadSize, (long)config.KeyValueHeads * config.HeadSize, (long)config.IntermediateSize);
        var qkv = empty([q + (2 * kv), hidden], source.Dtype, source.Device);
        source.ReadInto(prefix + "self_attn.q_proj.weight", qkv.narrow(0, 0, q));
        source.ReadInto(prefix + "self_attn.k_proj.weight", qkv.narrow(0, q, kv));
        source.ReadInto(prefix + "self_attn.v_proj.weight", qkv.narrow(0, q + kv, kv));
        var gateUp = empty([I, 2, hidden], source.Dtype, source.Device);
        source.ReadInto(prefix + "mlp.gate_proj.weight", gateUp.select(1, 0));
        source.ReadInto(prefix + "mlp.up_proj.weight", gateUp.select(1, 1));
        return new LlamaLayerWeights(
            source.Read(prefix + "input_layernorm.weight", hidden),
            qkv,
            source.Read(prefix + "self_attn.o_proj.weight", hidden, q),
            source.Read(prefix + "post_attention_layernorm.weight", hidden),
            gateUp.view(2 * I, hidden),
            source.Read(prefix + "mlp.down_proj.weight", hidden, I));
    }

    private IEnumerable<Tensor> All() => Layers.SelectMany(Tensors).Concat([Embedding, Norm, Head]);

    private static IEnumerable<Tensor> Tensors(LlamaLayerWeights layer) =>
        [layer.InputNorm, layer.Qkv, layer.Output, layer.PostNorm, layer.GateUp, layer.Down];
}
