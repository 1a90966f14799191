using Yue.Cuda.Decode;
using Yue.Engine.Llama;

namespace Yue.Engine.Quantization;

/// <summary>The rounded matrices of a block. Owns them.</summary>
internal sealed record RoundedLayer(RoundedMatrix Qkv, RoundedMatrix Output, RoundedMatrix GateUp, RoundedMatrix Down) : IDisposable
{
    /// <summary>Rounds each weight of a block independently.</summary>
    /// <param name="layer">The block's weights, F32; the caller owns them.</param>
    /// <param name="type">Int4 or int6.</param>
    public static RoundedLayer Plain(LlamaLayerWeights layer, WeightType type)
    {
        var matrices = new[] { layer.Qkv, layer.Output, layer.GateUp, layer.Down };
        var rounded = Array.ConvertAll(matrices, matrix => PlainRounding.Round(matrix.Values, type, terms: 1));
        return new RoundedLayer(rounded[0], rounded[1], rounded[2], rounded[3]);
    }

    public void Dispose()
    {
        Qkv.Dispose();
        Output.Dispose();
        GateUp.Dispose();
        Down.Dispose();
    }
}
