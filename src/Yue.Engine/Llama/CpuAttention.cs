using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace Yue.Engine.Llama;

/// <summary>Computes the attention of one position's query heads over the key-value head that they share, in plain C#.</summary>
/// <remarks>A long row is cut into splits, which several cores can process at the same time and which are joined in order. The number of
/// splits depends only on the row's length, so the bits do not depend on the number of cores.</remarks>
internal static class CpuAttention
{
    /// <summary>The number of positions per split. Their keys and values take 2 MB at a head size of 128.</summary>
    public const int SplitPositions = 2048;

    /// <summary>Returns the number of splits for a row with <paramref name="positions"/> positions.</summary>
    public static int Splits(int positions) => (positions + SplitPositions - 1) / SplitPositions;

    /// <summary>Computes softmax(q · Kᵀ / √D) · V over one split.</summary>
    /// <param name="queries">[G, D].</param>
    /// <param name="keys">[S, D].</param>
    /// <param name="values">[S, D].</param>
    /// <param name="scores">A buffer for [G, S].</param>
    /// <param name="mixed">Receives [G, D].</param>
    /// <param name="sums">Receives [G], the weights of the split for <see cref="Join"/>.</param>
    /// <param name="D">The size of a head.</param>
    public static void Mix(
        ReadOnlySpan<float> queries, ReadOnlySpan<float> keys, ReadOnlySpan<float> values,
        Span<float> scores, Span<float> mixed, Span<SoftmaxSum> sums, int D)
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
            sums[g] = Softmax(scores.Slice(g * S, S), 1 / MathF.Sqrt(D));
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

    /// <summary>Joins the results of a row's splits into the result over the whole row.</summary>
    /// <param name="mixed">[splits, G, D].</param>
    /// <param name="sums">[splits, G].</param>
    /// <param name="joined">Receives [G, D].</param>
    /// <param name="D">The size of a head.</param>
    public static void Join(ReadOnlySpan<float> mixed, ReadOnlySpan<SoftmaxSum> sums, Span<float> joined, int D)
    {
        var G = joined.Length / D;
        joined.Clear();
        for (var g = 0; g < G; g++)
        {
            var (top, total) = (float.NegativeInfinity, 0f);
            for (var split = g; split < sums.Length; split += G)
            {
                top = MathF.Max(top, sums[split].Top);
            }

            for (var split = g; split < sums.Length; split += G)
            {
                total += sums[split].From(top);
            }

            var head = joined.Slice(g * D, D);
            for (var split = g; split < sums.Length; split += G)
            {
                TensorPrimitives.MultiplyAdd(mixed.Slice(split * D, D), sums[split].From(top) / total, head, head);
            }
        }
    }

    private static SoftmaxSum Softmax(Span<float> scores, float scale)
    {
        var top = TensorPrimitives.Max<float>(scores);
        TensorPrimitives.Subtract(scores, top, scores);
        TensorPrimitives.Multiply(scores, scale, scores);
        TensorPrimitives.Exp(scores, scores);
        var sum = TensorPrimitives.Sum<float>(scores);
        TensorPrimitives.Divide(scores, sum, scores);
        return new SoftmaxSum(top * scale, sum);
    }

    /// <summary>The sum Σ exp(score − top) over the scores of a split.</summary>
    internal readonly record struct SoftmaxSum(float Top, float Sum)
    {
        /// <summary>Returns the sum relative to a larger top.</summary>
        public float From(float top) => Sum * MathF.Exp(Top - top);
    }
}
