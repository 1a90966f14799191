using Yue.Engine.Tensors;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Yue.Engine.Llama;

/// <summary>The values that all blocks of one forward pass share.</summary>
/// <param name="Cache">Receives the new keys and values.</param>
/// <param name="Rows">The B rows of the cache that the pass continues.</param>
/// <param name="Positions">[B, T], int64.</param>
/// <param name="Cos">[B, 1, T, D/2], F32.</param>
/// <param name="Sin">[B, 1, T, D/2], F32.</param>
/// <param name="Mask">[B, 1, 1, T, S], F32, added to the scores; null if every position attends to all S.</param>
/// <param name="Length">S, the number of positions attended to.</param>
internal sealed record BlockPass(KvCache Cache, Range Rows, Tensor Positions, Tensor Cos, Tensor Sin, Tensor? Mask, long Length);

/// <summary>A transformer block, in TorchSharp (docs/model.md 2.2, docs/model-yue2.md 4).</summary>
internal static class LlamaBlock
{
    /// <summary>Runs one block.</summary>
    /// <param name="x">[B, T, hidden], in the model's dtype.</param>
    /// <param name="layer">The block's number, which is its layer in the cache.</param>
    /// <param name="weights">The block's weights.</param>
    /// <param name="config">The model's dimensions.</param>
    /// <param name="pass">The data that all blocks share.</param>
    /// <returns>[B, T, hidden]; the caller disposes it.</returns>
    public static Tensor Forward(Tensor x, int layer, LlamaLayerWeights weights, LlamaConfig config, BlockPass pass)
    {
        using var scope = NewDisposeScope();
        var attended = Attention(RmsNorm(x, weights.InputNorm, config.RmsNormEpsilon), layer, weights, config, pass);
        x = x.Plus(weights.Output.Multiply(attended));
        var activated = Activated(RmsNorm(x, weights.PostNorm, config.RmsNormEpsilon), weights);
        return x.Plus(weights.Down.Multiply(activated)).MoveToOuterDisposeScope();
    }

    /// <summary>Computes silu(gate · x) · (up · x).</summary>
    /// <param name="x">[B, T, hidden], normalized.</param>
    /// <param name="weights">The block's weights.</param>
    /// <returns>[B, T, I]; the caller disposes it.</returns>
    internal static Tensor Activated(Tensor x, LlamaLayerWeights weights)
    {
        using var scope = NewDisposeScope();
        var gateUp = weights.GateUp.Multiply(x);
        var pairs = gateUp.view(gateUp.shape[0], gateUp.shape[1], -1, 2);               // [B, T, I, 2]
        return (functional.silu(pairs.select(-1, 0)) * pairs.select(-1, 1)).MoveToOuterDisposeScope();
    }

    /// <summary>Computes x · rsqrt(mean(x²) + eps) over the last dimension in F32, casts the result back, and multiplies it by the
    /// weight.</summary>
    /// <returns>A tensor of the shape and dtype of <paramref name="x"/>; the caller disposes it.</returns>
    public static Tensor RmsNorm(Tensor x, Tensor weight, double epsilon)
    {
        using var scope = NewDisposeScope();
        var wide = x.to(ScalarType.Float32);
        var scale = (wide * wide).mean([-1], keepdim: true).add_(Scalars.Of(epsilon), Scalars.One).rsqrt_();
        return ((wide * scale).to(x.dtype) * weight).MoveToOuterDisposeScope();
    }

    /// <summary>Computes grouped-query attention: query head h reads key-value head h / (H/K).</summary>
    internal static Tensor Attention(Tensor x, int layer, LlamaLayerWeights weights, LlamaConfig config, BlockPass pass)
    {
        var (B, T, _) = Shape.Dims3(x);
        var (H, K, D) = ((long)config.Heads, (long)config.KeyValueHeads, (long)config.HeadSize);
        var G = H / K;
        using var scope = NewDisposeScope();
        var heads = weights.Qkv.Multiply(x).view(B, T, H + (2 * K), D).transpose(1, 2);  // [B, H+2K, T, D]
        var rotated = Rope.Apply(NormedHeads(heads.narrow(1, 0, H + K), H, weights, config), pass.Cos, pass.Sin);
        var (keys, values) = pass.Cache.Append(
            layer, pass.Rows, rotated.narrow(1, H, K), heads.narrow(1, H + K, K), pass.Positions, pass.Length);  // [B, K, S, D]
        var q = rotated.narrow(1, 0, H).reshape(B, K, G, T, D);
        var mixed = pass.Mask is null
            ? functional.scaled_dot_product_attention(q.view(B, K, G * T, D), keys, values)
            : Masked(q, keys, values, pass.Mask);                                        // [B, K, G, T, D]
        return mixed.reshape(B, H, T, D).transpose(1, 2).reshape(B, T, H * D).MoveToOuterDisposeScope();
    }

    /// <summary>Normalizes each query and key head if the model requires it. Maps [B, H + K, T, D] to the same shape.</summary>
    private static Tensor NormedHeads(Tensor heads, long queries, LlamaLayerWeights weights, LlamaConfig config)
    {
        if (weights.QueryNorm is null || weights.KeyNorm is null)
        {
            return heads;
        }

        using var scope = NewDisposeScope();
        return cat(
            [
                RmsNorm(heads.narrow(1, 0, queries), weights.QueryNorm, config.RmsNormEpsilon),
                RmsNorm(heads.narrow(1, queries, heads.shape[1] - queries), weights.KeyNorm, config.RmsNormEpsilon),
            ],
            dim: 1).MoveToOuterDisposeScope();
    }

    /// <summary>Attends with a mask, for as many of the T positions at a time as the memory for scores allows.</summary>
    /// <param name="q">[B, K, G, T, D].</param>
    /// <param name="keys">[B, K, S, D].</param>
    /// <param name="values">[B, K, S, D].</param>
    /// <param name="mask">[B, 1, 1, T, S], F32.</param>
    /// <returns>[B, K, G, T, D]; the caller disposes it.</returns>
    private static Tensor Masked(Tensor q, Tensor keys, Tensor values, Tensor mask)
    {
        var (rows, T, S) = (q.shape[0] * q.shape[1] * q.shape[2], mask.shape[3], mask.shape[4]);
        var most = LlamaMemory.PositionsAtOnce(rows, S, T);
        using var scope = NewDisposeScope();
        var parts = new List<Tensor>();
        for (var first = 0L; first < T; first += most)
        {
            var count = Math.Min(most, T - first);
            parts.Add(MaskedPart(q.narrow(3, first, count), keys, values, mask.narrow(3, first, count)));
        }

        return (parts.Count == 1 ? parts[0] : cat(parts, dim: 3)).MoveToOuterDisposeScope();
    }

    private static Tensor MaskedPart(Tensor q, Tensor keys, Tensor values, Tensor mask)
    {
        var (B, K, G, T, D) = (q.shape[0], q.shape[1], q.shape[2], q.shape[3], q.shape[4]);
        using var scope = NewDisposeScope();
        var scores = matmul(q.reshape(B, K, G * T, D), keys.transpose(2, 3)).view(B, K, G, T, -1).mul_(Scalars.Of(1 / Math.Sqrt(D)));
        var weights = functional.softmax(scores.Plus(mask).to(ScalarType.Float32), -1).to(q.dtype);
        return matmul(weights.view(B, K, G * T, -1), values).view(B, K, G, T, D).MoveToOuterDisposeScope();
    }
}
