using System.Runtime.InteropServices;
using Yue.Engine.Weights;
using static TorchSharp.torch;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace Yue.Engine.Llama;

/// <summary>Runs the steps of a Llama model, a few positions each, on the CPU in plain C#, with the weights and caches that TorchSharp
/// uses for prefills.</summary>
/// <remarks>It computes the same result as <see cref="LlamaModel.Forward"/>, without its hundred TorchSharp calls per block, which cost
/// more than a small model's arithmetic. A row's result does not depend on the other rows of the step. Only large products and attention
/// over many positions use more than one core. An instance may be used by only one thread at a time. Other threads use other instances over
/// the same weights and cache, for other rows.</remarks>
/// <param name="config">The model's dimensions.</param>
/// <param name="weights">Its weights, F32 on the CPU.</param>
/// <param name="rope">Rotates queries and keys.</param>
/// <param name="scored">The rows of the head that are not zero; see <see cref="NonzeroRows"/>.</param>
internal sealed class CpuSteps(LlamaConfig config, LlamaWeights weights, Rope rope, IReadOnlyList<Range> scored)
{
    /// <summary>The maximum number of ids per row. With more, a matrix product is faster.</summary>
    public const int MaxIds = 4;

    private float[] _logits = [];
    private Buffers _buffers = new(config, positions: 0, length: 0);

    /// <summary>Appends the same number of ids to every row of a range.</summary>
    /// <param name="ids">B·T ids, row after row.</param>
    /// <param name="cache">The keys and values so far; the new positions are appended.</param>
    /// <param name="rows">The B rows.</param>
    /// <param name="states">Receives the final-norm hidden state of each row's last id, [B, hidden].</param>
    public void Step(ReadOnlySpan<int> ids, KvCache cache, Range rows, Span<float> states)
    {
        var B = rows.GetOffsetAndLength(cache.Lengths.Length).Length;
        var T = ids.Length / B;
        var positions = PositionsOf(ids.Length, cache, rows, T);
        var splits = SplitsOf(positions);
        var (x, hidden) = (_buffers.X, config.HiddenSize);
        var embedding = Floats(weights.Embedding);
        for (var i = 0; i < ids.Length; i++)
        {
            embedding.Slice(ids[i] * hidden, hidden).CopyTo(x.AsSpan(i * hidden));
        }

        for (var layer = 0; layer < config.Layers; layer++)
        {
            Attention(layer, positions, splits, cache);
            FeedForward(layer, ids.Length);
        }

        cache.Advance(rows, T);
        RmsNorm(weights.Norm, ids.Length);
        for (var row = 0; row < B; row++)
        {
            _buffers.Normed.AsSpan((((row + 1) * T) - 1) * hidden, hidden).CopyTo(states[(row * hidden)..]);
        }
    }

    /// <summary>Returns the scores of the next id. A head row of zeros scores zero without being read.</summary>
    /// <param name="hidden">[B, hidden], final-norm states.</param>
    /// <param name="firstRow">The head row of the first scored id.</param>
    /// <param name="count">The number of scored ids.</param>
    /// <returns>[B, count]; the caller disposes it.</returns>
    public Tensor Logits(Tensor hidden, int firstRow, int count)
    {
        var x = Floats(hidden).ToArray();
        var B = x.Length / config.HiddenSize;
        if (_logits.Length < B * count)
        {
            _logits = new float[B * count];
        }

        Array.Clear(_logits);
        foreach (var range in scored)
        {
            var (first, end) = (Math.Max(range.Start.Value, firstRow), Math.Min(range.End.Value, firstRow + count));
            if (first < end)
            {
                var scores = new ArraySegment<float>(_logits)[(first - firstRow)..];
                CpuProduct.Multiply(weights.Head, first..end, x, scores, count, B);
            }
        }

        var logits = empty([B, count]);
        _logits.AsSpan(0, B * count).CopyTo(Floats(logits));
        return logits;
    }

    /// <summary>Returns the positions of the ids, checks that the cache has room, and enlarges the buffers if necessary.</summary>
    private Position[] PositionsOf(int count, KvCache cache, Range rows, int T)
    {
        var length = cache.LengthWith(rows, T);
        if (_buffers.Positions < count || _buffers.Length < length)
        {
            _buffers = new Buffers(config, Math.Max(count, _buffers.Positions), cache.Capacity);
        }

        var positions = new Position[count];
        for (var i = 0; i < count; i++)
        {
            var row = rows.GetOffsetAndLength(cache.Lengths.Length).Offset + (i / T);
            positions[i] = new Position(row, cache.Lengths[row] + (i % T));
        }

        return positions;
    }

    /// <summary>Returns the spans that the positions attend to, ordered by position and then by head.</summary>
    private List<Split> SplitsOf(Position[] positions)
    {
        var splits = new List<Split>();
        for (var unit = 0; unit < positions.Length * config.KeyValueHeads; unit++)
        {
            var (i, k) = (unit / config.KeyValueHeads, unit % config.KeyValueHeads);
            for (var start = 0; start <= positions[i].Index; start += CpuAttention.SplitPositions)
            {
                splits.Add(new Split(i, k, start, Math.Min(start + CpuAttention.SplitPositions, positions[i].Index + 1)));
            }
        }

        return splits;
    }

    /// <summary>Returns the values of a contiguous F32 tensor on the CPU.</summary>
    public static Span<float> Floats(Tensor tensor) => MemoryMarshal.Cast<byte, float>(tensor.bytes);

    /// <summary>Returns the rows of a matrix that are not all zeros.</summary>
    public static IReadOnlyList<Range> NonzeroRows(Tensor matrix)
    {
        var (rows, columns) = ((int)matrix.shape[0], (int)matrix.shape[1]);
        var values = Floats(matrix);
        var ranges = new List<Range>();
        for (var row = 0; row < rows; row++)
        {
            if (!values.Slice(row * columns, columns).ContainsAnyExcept(0f))
            {
                continue;
            }

            if (ranges.Count > 0 && ranges[^1].End.Value == row)
            {
                ranges[^1] = ranges[^1].Start..(row + 1);
            }
            else
            {
                ranges.Add(row..(row + 1));
            }
        }

        return ranges;
    }

    /// <summary>Computes x += output · attention(norm(x)). Grouped-query attention: query head h reads key-value head h / (H/K).</summary>
    private void Attention(int layer, Position[] positions, List<Split> splits, KvCache cache)
    {
        var (block, D) = (weights.Layers[layer], config.HeadSize);
        var (H, K) = (config.Heads, config.KeyValueHeads);
        var width = (H + (2 * K)) * D;
        RmsNorm(block.InputNorm, positions.Length);
        CpuProduct.Multiply(block.Qkv, _buffers.Normed, _buffers.Wide, positions.Length);
        for (var i = 0; i < positions.Length; i++)
        {
            var (row, index) = positions[i];
            var heads = _buffers.Wide.AsSpan(i * width, width);
            NormHeads(heads[..(H * D)], block.QueryNorm);
            NormHeads(heads.Slice(H * D, K * D), block.KeyNorm);
            rope.Apply(heads[..((H + K) * D)], index);
            for (var k = 0; k < K; k++)
            {
                heads.Slice((H + k) * D, D).CopyTo(cache.Keys(layer, row, k)[(index * D)..]);
                heads.Slice((H + K + k) * D, D).CopyTo(cache.Values(layer, row, k)[(index * D)..]);
            }
        }

        Attend(layer, positions, splits, cache, width);
        AddProduct(block.Output, _buffers.Mixed, positions.Length);
    }

    /// <summary>Computes mixed = softmax(q · Kᵀ / √D) · V for all positions and heads.</summary>
    private void Attend(int layer, Position[] positions, List<Split> splits, KvCache cache, int width)
    {
        var (D, K, G) = (config.HeadSize, config.KeyValueHeads, config.Heads / config.KeyValueHeads);
        CpuWork.Share(splits.Count, positions.Sum(position => 2L * config.Heads * D * position.Index), (from, to) =>
        {
            for (var unit = from; unit < to; unit++)
            {
                var (i, k, start, end) = splits[unit];
                CpuAttention.Mix(
                    _buffers.Wide.AsSpan((i * width) + (k * G * D), G * D),
                    cache.Keys(layer, positions[i].Row, k)[(start * D)..(end * D)],
                    cache.Values(layer, positions[i].Row, k)[(start * D)..(end * D)],
                    _buffers.Scores.AsSpan(G * ((((i * K) + k) * _buffers.Length) + start), G * (end - start)),
                    _buffers.SplitMixed.AsSpan(unit * G * D, G * D),
                    _buffers.SplitSums.AsSpan(unit * G, G),
                    D);
            }
        });

        for (var (row, first) = (0, 0); row < positions.Length * K; row++)
        {
            var count = CpuAttention.Splits(positions[row / K].Index + 1);
            CpuAttention.Join(
                _buffers.SplitMixed.AsSpan(first * G * D, count * G * D),
                _buffers.SplitSums.AsSpan(first * G, count * G),
                _buffers.Mixed.AsSpan(row * G * D, G * D),
                D);
            first += count;
        }
    }

    /// <summary>Computes x += down · (silu(gate · n) · (up · n)), where n = norm(x).</summary>
    private void FeedForward(int layer, int count)
    {
        var block = weights.Layers[layer];
        RmsNorm(block.PostNorm, count);
        CpuProduct.Multiply(block.GateUp, _buffers.Normed, _buffers.Wide, count);
        var active = _buffers.Mixed.AsSpan(0, count * config.IntermediateSize);
        for (var i = 0; i < active.Length; i++)
        {
            active[i] = _buffers.Wide[2 * i] * _buffers.Wide[(2 * i) + 1] / (1 + MathF.Exp(-_buffers.Wide[2 * i]));
        }

        AddProduct(block.Down, _buffers.Mixed, count);
    }

    private void AddProduct(WeightMatrix matrix, float[] input, int count)
    {
        CpuProduct.Multiply(matrix, input, _buffers.Normed, count);
        var x = _buffers.X.AsSpan(0, count * config.HiddenSize);
        TensorPrimitives.Add(x, _buffers.Normed.AsSpan(0, x.Length), x);
    }

    /// <summary>Computes normed = x · rsqrt(mean(x²) + eps) · weight.</summary>
    private void RmsNorm(Tensor weight, int count)
    {
        for (var i = 0; i < count; i++)
        {
            Norm(
                _buffers.X.AsSpan(i * config.HiddenSize, config.HiddenSize),
                weight,
                _buffers.Normed.AsSpan(i * config.HiddenSize, config.HiddenSize));
        }
    }

    /// <summary>Normalizes each head in place if the model requires it.</summary>
    private void NormHeads(Span<float> heads, Tensor? weight)
    {
        for (; weight is not null && !heads.IsEmpty; heads = heads[config.HeadSize..])
        {
            Norm(heads[..config.HeadSize], weight, heads[..config.HeadSize]);
        }
    }

    private void Norm(ReadOnlySpan<float> x, Tensor weight, Span<float> normed)
    {
        var scale = 1 / MathF.Sqrt((TensorPrimitives.SumOfSquares(x) / x.Length) + (float)config.RmsNormEpsilon);
        TensorPrimitives.Multiply(x, scale, normed);
        TensorPrimitives.Multiply(normed, Floats(weight), normed);
    }

    /// <summary>A span of the positions that a position's heads attend to.</summary>
    /// <param name="Position">The index of the attending position in the step.</param>
    /// <param name="Head">The key-value head.</param>
    /// <param name="Start">The first position of the span.</param>
    /// <param name="End">The position after the last one.</param>
    private readonly record struct Split(int Position, int Head, int Start, int End);

    /// <summary>The location of a position in the cache.</summary>
    /// <param name="Row">The row of the cache.</param>
    /// <param name="Index">The number of positions before it.</param>
    private readonly record struct Position(int Row, int Index);

    /// <summary>Buffers for the intermediate values of a step.</summary>
    private sealed class Buffers(LlamaConfig config, int positions, int length)
    {
        public int Positions => positions;

        public int Length => length;

        public float[] X { get; } = new float[positions * config.HiddenSize];

        public float[] Normed { get; } = new float[positions * config.HiddenSize];

        /// <summary>Queries, keys and values; later gate and up, interleaved.</summary>
        public float[] Wide { get; } = new float[positions * Math.Max(
            (config.Heads + (2 * config.KeyValueHeads)) * config.HeadSize, 2 * config.IntermediateSize)];

        /// <summary>The result of attention; later the result of silu.</summary>
        public float[] Mixed { get; } = new float[positions * Math.Max(config.Heads * config.HeadSize, config.IntermediateSize)];

        public float[] Scores { get; } = new float[positions * config.Heads * length];

        /// <summary>The result of attention over each split.</summary>
        public float[] SplitMixed { get; } = new float[positions * CpuAttention.Splits(length) * config.Heads * config.HeadSize];

        /// <summary>The weights with which the results of a row's splits are joined.</summary>
        public CpuAttention.SoftmaxSum[] SplitSums { get; } =
            new CpuAttention.SoftmaxSum[positions * CpuAttention.Splits(length) * config.Heads];
    }
}
