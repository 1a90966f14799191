using Yue.Cuda.Decode;

namespace Yue.Cuda.Tests;

/// <summary>One row of a Llama model on the CPU. Sums are computed in double precision and rounded to bf16 or e4m3 where the kernels
/// store them in that type.</summary>
internal sealed class ReferenceLlama(TestModel model, CacheType cacheType)
{
    private const int D = LlamaShape.HeadSize;
    private readonly LlamaShape _shape = model.Shape;

    /// <summary>The keys and values of each layer: [positions][K·D].</summary>
    public List<(List<float[]> Keys, List<float[]> Values)> Cache { get; } =
        [.. Enumerable.Range(0, model.Shape.Layers).Select(_ => (new List<float[]>(), new List<float[]>()))];

    public int Position => Cache[0].Keys.Count;

    /// <summary>Processes one token and returns the logits of the given rows of the LM head.</summary>
    public float[] Step(int token, int headStart, int headRows)
    {
        var h = new double[_shape.Hidden];
        for (var i = 0; i < h.Length; i++)
        {
            h[i] = model.Embedding[((long)token * _shape.Hidden) + i];
        }

        var (position, index) = (Position, 0);
        foreach (var (layer, cache) in model.Layers.Zip(Cache))
        {
            var qkv = Multiply(layer.Qkv, 0, layer.Qkv.Rows, Normed(h, layer.AttentionNorm, out var scale), scale);
            NormHeads(qkv, layer);
            Rotate(qkv, position);
            var q = qkv[..(_shape.Heads * D)];
            var values = (_shape.Heads + _shape.KeyValueHeads) * D;
            Append(
                index++, [.. qkv[(_shape.Heads * D)..values].Select(value => (float)Stored(value))],
                [.. qkv[values..].Select(value => (float)Stored(value))]);
            Add(h, Multiply(layer.Output, 0, layer.Output.Rows, Attend(q, cache.Keys, cache.Values), 1));
            var gateUp = Multiply(layer.GateUp, 0, layer.GateUp.Rows, Normed(h, layer.MlpNorm, out scale), scale);
            var mlp = new double[_shape.Intermediate];
            for (var i = 0; i < mlp.Length; i++)
            {
                mlp[i] = Stored(gateUp[2 * i] / (1 + Math.Exp(-gateUp[2 * i])) * gateUp[(2 * i) + 1]);
            }

            Add(h, Multiply(layer.Down, 0, layer.Down.Rows, mlp, 1));
        }

        return [.. Multiply(model.Head, headStart, headRows, Normed(h, model.FinalNorm, out var last), last).Select(value => (float)value)];
    }

    /// <summary>Adds a position to a layer's cache, with [K·D] keys and [K·D] values.</summary>
    public void Append(int layer, float[] keys, float[] values)
    {
        Cache[layer].Keys.Add(Cached(keys));
        Cache[layer].Values.Add(Cached(values));
    }

    /// <summary>Returns the values as stored in the cache: for e4m3, the nearest e4m3 numbers multiplied by each head's scale.</summary>
    private float[] Cached(float[] values) => cacheType != CacheType.Float8 ? values : [.. values.Chunk(D).SelectMany(head =>
    {
        var scale = head.Max(Math.Abs) / 448f;
        return head.Select(value => E4M3.Round(value / scale) * scale);
    })];

    /// <summary>Returns a value as the kernels store it between matrix products.</summary>
    private double Stored(double value) => cacheType == CacheType.Float32 ? value : Bf16.Round(value);

    private static double[] Multiply(TestMatrix matrix, int start, int rows, double[] x, double scale)
    {
        var y = new double[rows];
        Parallel.For(0, rows, row =>
        {
            var sum = 0.0;
            var at = (long)(start + row) * matrix.Columns;
            for (var i = 0; i < x.Length; i++)
            {
                sum += matrix.Values[at + i] * x[i];
            }

            y[row] = sum * scale;
        });
        return y;
    }

    private static void Add(double[] h, double[] y)
    {
        for (var i = 0; i < h.Length; i++)
        {
            h[i] += y[i];
        }
    }

    private double[] Normed(double[] h, float[] weight, out double scale)
    {
        scale = 1 / Math.Sqrt((h.Sum(value => value * value) / h.Length) + _shape.NormEpsilon);
        return [.. h.Zip(weight, (value, w) => Stored(value * w))];
    }

    private void NormHeads(double[] qkv, TestLayer layer)
    {
        for (var head = 0; head < _shape.Heads + _shape.KeyValueHeads && _shape.NormsQueriesAndKeys; head++)
        {
            var weight = head < _shape.Heads ? layer.QueryNorm : layer.KeyNorm;
            var squares = qkv[(head * D)..((head + 1) * D)].Sum(value => value * value);
            for (var d = 0; d < D; d++)
            {
                qkv[(head * D) + d] *= weight[d] / Math.Sqrt((squares / D) + _shape.NormEpsilon);
            }
        }
    }

    private void Rotate(double[] qkv, int position)
    {
        for (var head = 0; head < _shape.Heads + _shape.KeyValueHeads; head++)
        {
            for (var j = 0; j < D / 2; j++)
            {
                var angle = position * RopeTable.Frequency(_shape.RopeTheta, D, j);
                var (sin, cos) = Math.SinCos(angle);
                var (low, high) = (qkv[(head * D) + j], qkv[(head * D) + j + (D / 2)]);
                qkv[(head * D) + j] = (low * cos) - (high * sin);
                qkv[(head * D) + j + (D / 2)] = (high * cos) + (low * sin);
            }
        }
    }

    private double[] Attend(double[] q, List<float[]> keys, List<float[]> values)
    {
        var output = new double[_shape.Heads * D];
        Parallel.For(0, _shape.Heads, head =>
        {
            var kv = head / (_shape.Heads / _shape.KeyValueHeads) * D;
            var scores = new double[keys.Count];
            for (var t = 0; t < scores.Length; t++)
            {
                for (var d = 0; d < D; d++)
                {
                    scores[t] += Stored(q[(head * D) + d]) * keys[t][kv + d];
                }

                scores[t] /= Math.Sqrt(D);
            }

            var top = scores.Max();
            var sum = 0.0;
            for (var t = 0; t < scores.Length; t++)
            {
                var weight = Math.Exp(scores[t] - top);
                sum += weight;
                for (var d = 0; d < D; d++)
                {
                    output[(head * D) + d] += weight * values[t][kv + d];
                }
            }

            for (var d = 0; d < D; d++)
            {
                output[(head * D) + d] = Stored(output[(head * D) + d] / sum);
            }
        });
        return output;
    }
}
