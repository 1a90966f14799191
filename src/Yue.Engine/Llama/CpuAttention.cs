using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace Yue.Engine.Llama;

/// <summary>Attention of one position's query heads over the key-value head that they share, in plain C#.</summary>
internal static class CpuAttention
{
    /// <summary>softmax(q · Kᵀ / √D) · V.</summary>
    /// <param name="queries">[G, D].</param>
    /// <param name="keys">[S, D].</param>
    /// <param name="values">[S, D].</param>
    /// <param name="scores">Room for [G, S].</param>
    /// <param name="mixed">Takes [G, D].</param>
    /// <param name="D">The size of a head.</param>
    public static void Mix(
        ReadOnlySpan<float> queries, ReadOnlySpan<float> keys, ReadOnlySpan<float> values, Span<float> scores, Span<float> mixed, int D)
    {
        var (G, S) = (queries.Length / D, keys.Length / D);
        for (var s = 0; s < S; s += CpuMatrix.Tile)
        {
            var tile = Math.Min(CpuMatrix.Tile, S - s);
            for (var g = 0; g < G; g++)
            {
                CpuMatrix.Multiply(keys.Slice(s * D, tile * D), queries.Slice(g * D, D), scores.Slice((g * S) + s, tile));
            }
        }

        for (var g = 0; g < G; g++)
        {
            Softmax(scores.Slice(g * S, S), 1 / MathF.Sqrt(D));
        }

        mixed.Clear();
        for (var s = 0; s < S; s += CpuMatrix.Tile)
        {
            var tile = Math.Min(CpuMatrix.Tile, S - s);
            for (var g = 0; g < G; g++)
            {
                CpuMatrix.AddProduct(scores.Slice((g * S) + s, tile), values.Slice(s * D, tile * D), mixed.Slice(g * D, D));
            }
        }
    }

    private static void Softmax(Span<float> scores, float scale)
    {
        TensorPrimitives.Subtract(scores, TensorPrimitives.Max<float>(scores), scores);
        TensorPrimitives.Multiply(scores, scale, scores);
        TensorPrimitives.Exp(scores, scores);
        TensorPrimitives.Divide(scores, TensorPrimitives.Sum<float>(scores), scores);
    }
}
