using Yue.Engine.Weights;
using static TorchSharp.torch;

namespace Yue.Engine.Llama;

/// <summary>The names that a checkpoint gives to the modules of a block.</summary>
/// <param name="InputNorm">The norm before attention.</param>
/// <param name="Attention">The attention layer.</param>
/// <param name="PostNorm">The norm after attention.</param>
/// <param name="FeedForward">The feed-forward layer.</param>
public sealed record BlockNames(string InputNorm, string Attention, string PostNorm, string FeedForward)
{
    /// <summary>The names in the Llama model of the transformers library.</summary>
    public static BlockNames Llama { get; } = new("input_layernorm", "self_attn", "post_attention_layernorm", "mlp");
}

/// <summary>The weights of one transformer block, fused in the layout that decoding reads. Owns its tensors.</summary>
/// <param name="InputNorm">[hidden].</param>
/// <param name="Qkv">[(H + 2K)·D, hidden]: queries, keys, values.</param>
/// <param name="QueryNorm">[D]; null if queries and keys are not normalized.</param>
/// <param name="KeyNorm">[D]; null if queries and keys are not normalized.</param>
/// <param name="Output">[hidden, H·D].</param>
/// <param name="PostNorm">[hidden].</param>
/// <param name="GateUp">[2·I, hidden]: row 2i is gate i, row 2i + 1 is up i.</param>
/// <param name="Down">[hidden, I].</param>
public sealed record LlamaLayerWeights(
    Tensor InputNorm,
    WeightMatrix Qkv,
    Tensor? QueryNorm,
    Tensor? KeyNorm,
    WeightMatrix Output,
    Tensor PostNorm,
    WeightMatrix GateUp,
    WeightMatrix Down) : IDisposable
{
    private IEnumerable<WeightMatrix> Matrices => [Qkv, Output, GateUp, Down];

    private IEnumerable<Tensor?> Norms => [InputNorm, QueryNorm, KeyNorm, PostNorm];

    /// <summary>Reads a block in the source's dtype onto its device.</summary>
    /// <param name="config">The checkpoint's dimensions.</param>
    /// <param name="source">The checkpoint.</param>
    /// <param name="prefix">The name of the block, with a dot at its end.</param>
    /// <param name="names">The names of its modules.</param>
    /// <param name="quantizer">Converts the matrices to fewer bits; null keeps them.</param>
    internal static LlamaLayerWeights Load(
        LlamaConfig config, ITensorSource source, string prefix, BlockNames names, MatrixQuantizer? quantizer = null)
    {
        using var scope = NewDisposeScope();
        var hidden = (long)config.HiddenSize;
        var (q, kv, I) = (
            (long)config.Heads * config.HeadSize, (long)config.KeyValueHeads * config.HeadSize, (long)config.IntermediateSize);
        var (attention, feedForward) = ($"{prefix}{names.Attention}.", $"{prefix}{names.FeedForward}.");
        var matrices = new MatrixLoader(source, quantizer);
        var qkv = matrices.Load(hidden, (attention + "q_proj", q), (attention + "k_proj", kv), (attention + "v_proj", kv));
        var gateUp = matrices.LoadAlternating(hidden, I, feedForward + "gate_proj", feedForward + "up_proj");
        var layer = new LlamaLayerWeights(
            source.Read($"{prefix}{names.InputNorm}.weight", hidden),
            qkv,
            config.NormsQueriesAndKeys ? source.Read(attention + "q_norm.weight", config.HeadSize) : null,
            config.NormsQueriesAndKeys ? source.Read(attention + "k_norm.weight", config.HeadSize) : null,
            matrices.Load(q, (attention + "o_proj", hidden)),
            source.Read($"{prefix}{names.PostNorm}.weight", hidden),
            gateUp,
            matrices.Load(I, (feedForward + "down_proj", hidden)));
        layer.Detach();
        return layer;
    }

    public void Dispose()
    {
        foreach (var norm in Norms)
        {
            norm?.Dispose();
        }

        foreach (var matrix in Matrices)
        {
            matrix.Dispose();
        }
    }

    private void Detach()
    {
        foreach (var norm in Norms)
        {
            norm?.DetachFromDisposeScope();
        }

        foreach (var matrix in Matrices)
        {
            matrix.Detach();
        }
    }
}
