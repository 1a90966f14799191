using Xunit;
using Yue.Cuda.Decode;
using Yue.Testing;

namespace Yue.Cuda.Tests;

/// <summary>Checks of the steps of models with given shapes, and the shapes that several test classes use.</summary>
internal static class StepChecks
{
    /// <summary>A small model whose weight rows have 1, 1.5 and 4 units of 256 weights.</summary>
    public static LlamaShape Tiny { get; } =
        new() { Layers = 2, Hidden = 256, Intermediate = 384, Heads = 8, KeyValueHeads = 1, Vocabulary = 1003, Context = 1024 };

    /// <summary>The shape of a layer of the stage-1 model.</summary>
    public static LlamaShape Stage1Layer { get; } =
        new() { Layers = 1, Hidden = 4096, Intermediate = 11008, Heads = 32, KeyValueHeads = 4, Vocabulary = 1024, Context = 16384 };

    private static readonly int[] Lengths = [0, 1, 31, 32, 63, 64, 65, 100, 127, 128, 200, 319, 5, 640];

    public static void LogitsEqualTheReference(Gpu gpu, LlamaShape shape, int rows, WeightType weights, CacheType cache)
    {
        gpu.Require();
        using var bench = new DecodeBench(gpu, shape, weights, rows, (rows * 5) + 40, cache);
        var references = Enumerable.Range(0, rows)
            .Select(row => bench.StartRow(row, Lengths[row % Lengths.Length], row, spare: 3)).ToList();
        for (var step = 0; step < 2; step++)
        {
            for (var row = 0; row < rows; row++)
            {
                bench.Llama.SetRow(bench.Stream, row, Token(shape, row, step), references[row].Position, active: true);
            }

            var (start, count) = step == 0 ? (0, shape.Vocabulary) : (37, 301);
            var logits = bench.Step(rows, start, count);
            for (var row = 0; row < rows; row++)
            {
                var expected = references[row].Step(Token(shape, row, step), start, count);
                TensorAssert.CloseToPeak(
                    expected, logits.AsSpan(row * count, count), Tolerance(cache), $"step {step}, row {row} of {rows}");
            }
        }
    }

    public static void LongRowsEqualTheReference(Gpu gpu, LlamaShape shape, int position, CacheType cache)
    {
        gpu.Require();
        using var bench = new DecodeBench(gpu, shape, WeightsFor(cache), 2, KvCache.PagesFor(position + 1) + 4, cache);
        var longRow = bench.StartRow(0, position, 5);
        var shortRow = bench.StartRow(1, 3, 6);
        bench.Llama.SetRow(bench.Stream, 0, 11, position, active: true);
        bench.Llama.SetRow(bench.Stream, 1, 12, 3, active: true);
        var logits = bench.Step(2, 0, shape.Vocabulary);
        TensorAssert.CloseToPeak(longRow.Step(11, 0, shape.Vocabulary), logits.AsSpan(0, shape.Vocabulary), Tolerance(cache), "long row");
        TensorAssert.CloseToPeak(shortRow.Step(12, 0, shape.Vocabulary), logits.AsSpan(shape.Vocabulary), Tolerance(cache), "short row");
    }

    public static void ARowHasTheSameBitsAloneAndInABatch(Gpu gpu, LlamaShape shape, WeightType weights, CacheType cache)
    {
        gpu.Require();
        using var bench = new DecodeBench(gpu, shape, weights, CudaLlama.MaxRows, 200, cache);
        float[]? alone = null;
        foreach (var rows in (int[])[1, 2, 8, 9, 16, 17, 32, 33, 64, 65, 80])
        {
            // The compared row is always the last one. The other rows are shorter, and some of them are inactive.
            for (var row = 0; row < rows - 1; row++)
            {
                bench.StartRow(row, row % 3 * 40, rows + row);
                bench.Llama.SetRow(bench.Stream, row, row, row % 3 * 40, active: row % 5 != 4);
            }

            bench.StartRow(rows - 1, 150, 77);
            bench.Llama.SetRow(bench.Stream, rows - 1, 9, 150, active: true);
            var logits = bench.Step(rows, 0, shape.Vocabulary).AsSpan((rows - 1) * shape.Vocabulary).ToArray();
            Assert.All(logits, value => Assert.True(float.IsFinite(value)));
            alone ??= logits;
            Assert.True(alone.SequenceEqual(logits), $"in a batch of {rows}, the row differs: {logits[0]}, alone {alone[0]}");
            bench.ReturnPages();
        }
    }

    /// <summary>Returns the tolerance relative to the logits' peak. In an fp8 cache, a value near the midpoint between two e4m3 numbers can
    /// be rounded to either, and the two results differ by up to an eighth.</summary>
    public static double Tolerance(CacheType cache) => cache switch
    {
        CacheType.Float32 => 2e-5,
        CacheType.Float8 => 0.06,
        _ => 0.02,
    };

    public static WeightType WeightsFor(CacheType cache) => cache == CacheType.Float32 ? WeightType.Float32 : WeightType.BFloat16;

    private static int Token(LlamaShape shape, int row, int step) => ((row * 37) + (step * 101) + 3) % shape.Vocabulary;
}
