using Yue.Cuda;
using Yue.Cuda.Decode;
using Yue.Engine.Weights;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Yue.Engine.Llama;

/// <summary>Runs transformer blocks in BF16 on a GPU over many rows that all attend to each other. Uses TorchSharp's products and
/// attention, and kernels of Yue.Cuda between them (docs/model-yue2.md 4).</summary>
/// <remarks>The kernels run on TorchSharp's stream, so the work of both is in order.</remarks>
/// <param name="kernels">The kernels; the caller owns them.</param>
/// <param name="config">The dimensions of the blocks, which normalize queries and keys.</param>
/// <param name="rope">The rotations of all positions; the caller owns them.</param>
internal sealed class FusedBlocks(BlockKernels kernels, LlamaConfig config, Rope rope)
{
    private readonly float _epsilon = (float)config.RmsNormEpsilon;

    /// <summary>Runs all blocks for the positions that follow those of a cache. The length of the cache does not change.</summary>
    /// <param name="x">[T, hidden], BF16, contiguous; its values are overwritten.</param>
    /// <param name="layers">The blocks.</param>
    /// <param name="norm">[hidden], the norm after the last block.</param>
    /// <param name="cache">A cache of one row with room for T positions.</param>
    /// <returns>[T, hidden], normalized, BF16; the caller disposes it.</returns>
    public Tensor Forward(Tensor x, IReadOnlyList<LlamaLayerWeights> layers, Tensor norm, KvCache cache)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var (T, hidden) = Tensors.Shape.Dims2(x);
        var (H, K, D) = ((long)config.Heads, (long)config.KeyValueHeads, (long)config.HeadSize);
        var normed = empty([T, hidden], x.dtype, x.device);
        var queries = empty([1, K, H / K * T, D], x.dtype, x.device);
        var activated = empty([T, config.IntermediateSize], x.dtype, x.device);
        var length = cache.LengthWith(..1, (int)T);
        AddNorm(x, null, layers[0].InputNorm, normed);
        for (var i = 0; i < layers.Count; i++)
        {
            using var layerScope = NewDisposeScope();
            var layer = layers[i];
            SplitHeads(layer.Qkv.Multiply(normed), layer, i, queries, cache, (int)T);
            var (keys, values) = cache.View(i, 0, length);                                  // [1, K, S, D]
            var mixed = functional.scaled_dot_product_attention(queries, keys, values);     // [1, K, G·T, D]
            var attended = mixed.reshape(H, T, D).transpose(0, 1).reshape(T, H * D);
            AddNorm(x, layer.Output.Multiply(attended), layer.PostNorm, normed);
            kernels.SiluUp(
                CudaStream.Legacy, layer.GateUp.Multiply(normed).Address(), activated.Address(), T * config.IntermediateSize);
            AddNorm(x, layer.Down.Multiply(activated), i + 1 < layers.Count ? layers[i + 1].InputNorm : norm, normed);
        }

        return normed.MoveToOuterDisposeScope();
    }

    private void AddNorm(Tensor x, Tensor? delta, Tensor weight, Tensor normed) => kernels.AddNorm(
        CudaStream.Legacy, x.Address(), delta?.Address() ?? 0, weight.Address(), normed.Address(), (int)x.shape[0], (int)x.shape[1],
        _epsilon);

    private void SplitHeads(Tensor qkv, LlamaLayerWeights layer, int index, Tensor queries, KvCache cache, int T)
    {
        var ((keys, values), (cos, sin)) = (cache.Addresses(index, 0), rope.Addresses);
        kernels.SplitHeads(CudaStream.Legacy, new HeadSplit
        {
            Qkv = qkv.Address(),
            QueryNorm = layer.QueryNorm!.Address(),
            KeyNorm = layer.KeyNorm!.Address(),
            Cos = cos,
            Sin = sin,
            Queries = queries.Address(),
            Keys = keys,
            Values = values,
            Rows = T,
            Heads = config.Heads,
            KeyValueHeads = config.KeyValueHeads,
            First = cache.Lengths[0],
            Capacity = cache.Capacity,
            Epsilon = _epsilon,
        });
    }
}
