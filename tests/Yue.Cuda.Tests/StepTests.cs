using Xunit;
using Yue.Cuda.Compilation;
using Yue.Cuda.Decode;
using Yue.Testing;
using static Yue.Cuda.Tests.StepChecks;

namespace Yue.Cuda.Tests;

[Collection(Gpu.Name)]
[Trait("Category", Gpu.Name)]
public sealed class StepTests(Gpu gpu) : IClassFixture<StepTests.Compiled>
{
    private static LlamaShape Odd { get; } =
        new() { Layers = 3, Hidden = 640, Intermediate = 896, Heads = 6, KeyValueHeads = 2, Vocabulary = 517, Context = 1024 };

    private static LlamaShape Stage2Layer { get; } =
        new() { Layers = 1, Hidden = 2048, Intermediate = 5504, Heads = 16, KeyValueHeads = 16, Vocabulary = 1024, Context = 8192 };

    public static TheoryData<string, int, int, CacheType> Cases { get; } = new()
    {
        { "tiny", 1, 0, CacheType.BFloat16 }, { "tiny", 2, 0, CacheType.BFloat16 },
        { "tiny", 5, 0, CacheType.BFloat16 }, { "tiny", 8, 0, CacheType.BFloat16 },
        { "tiny", 9, 0, CacheType.BFloat16 }, { "tiny", 16, 0, CacheType.BFloat16 },
        { "tiny", 17, 0, CacheType.BFloat16 }, { "tiny", 33, 0, CacheType.BFloat16 },
        { "tiny", 64, 0, CacheType.BFloat16 }, { "tiny", 65, 0, CacheType.BFloat16 }, { "tiny", 80, 0, CacheType.BFloat16 },
        { "odd", 3, 0, CacheType.BFloat16 }, { "odd", 13, 0, CacheType.BFloat16 }, { "odd", 40, 0, CacheType.BFloat16 },
        { "stage2", 10, 0, CacheType.BFloat16 }, { "stage1", 2, 0, CacheType.BFloat16 },
        { "tiny", 2, 1, CacheType.BFloat16 }, { "odd", 13, 1, CacheType.BFloat16 },
        { "stage1", 2, 1, CacheType.BFloat16 }, { "tiny", 64, 1, CacheType.BFloat16 },
        { "tiny", 2, 2, CacheType.BFloat16 }, { "odd", 13, 2, CacheType.BFloat16 }, { "stage2", 3, 2, CacheType.BFloat16 },
        { "tiny", 7, 0, CacheType.Float8 }, { "odd", 13, 0, CacheType.Float8 }, { "odd", 40, 1, CacheType.Float8 },
        { "tiny", 64, 0, CacheType.Float8 }, { "odd", 78, 0, CacheType.Float8 },
        { "odd", 77, 1, CacheType.Float8 },
        { "stage2", 10, 0, CacheType.Float8 }, { "stage1", 2, 2, CacheType.Float8 },
        { "tiny", 1, 3, CacheType.Float32 }, { "tiny", 9, 3, CacheType.Float32 },
        { "odd", 13, 3, CacheType.Float32 }, { "odd", 80, 3, CacheType.Float32 },
        { "stage2", 10, 3, CacheType.Float32 }, { "stage1", 2, 3, CacheType.Float32 },
    };

    public static TheoryData<string, int, CacheType> BatchCases { get; } = new()
    {
        { "tiny", 0, CacheType.BFloat16 }, { "odd", 0, CacheType.BFloat16 },
        { "stage2", 0, CacheType.BFloat16 }, { "tiny", 1, CacheType.BFloat16 },
        { "tiny", 2, CacheType.BFloat16 }, { "odd", 0, CacheType.Float8 }, { "tiny", 1, CacheType.Float8 }, { "odd", 3, CacheType.Float32 },
    };

    private static IEnumerable<KernelBuild> Builds()
    {
        var cases = Cases.Select(row => row.Data)
            .Select(data => (Name: data.Item1, Rows: data.Item2, Weights: data.Item3, Cache: data.Item4));
        var batches =
            from batch in BatchCases.Select(row => row.Data)
            from rows in (int[])[8, 16, 32, 64, 80]
            select (Name: batch.Item1, Rows: rows, Weights: batch.Item2, Cache: batch.Item3);
        var lengths = new[] { CacheType.BFloat16, CacheType.Float8 }.Select(cache => (Name: "tiny", Rows: 64, Weights: 0, Cache: cache));
        return cases.Concat(batches).Concat(lengths)
            .Select(build => CudaLlama.BuildFor(ShapeOf(build.Name), (WeightType)build.Weights, build.Cache, build.Rows))
            .DistinctBy(build => string.Join(' ', build.Definitions));
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Logits_equal_the_reference(string name, int rows, int weightType, CacheType cache) =>
        StepChecks.LogitsEqualTheReference(gpu, ShapeOf(name), rows, (WeightType)weightType, cache);

    [Theory]
    [InlineData("stage1", 16383, CacheType.BFloat16)]
    [InlineData("stage1", 4097, CacheType.BFloat16)]
    [InlineData("stage2", 8191, CacheType.BFloat16)]
    [InlineData("stage1", 16383, CacheType.Float8)]
    [InlineData("stage2", 4160, CacheType.Float8)]
    [InlineData("stage1", 16383, CacheType.Float32)]
    [InlineData("stage2", 8191, CacheType.Float32)]
    public void Long_rows_equal_the_reference(string name, int position, CacheType cache) =>
        StepChecks.LongRowsEqualTheReference(gpu, ShapeOf(name), position, cache);

    [Theory]
    [MemberData(nameof(BatchCases))]
    public void A_row_has_the_same_bits_alone_and_in_a_batch(string name, int weightType, CacheType cache) =>
        StepChecks.ARowHasTheSameBitsAloneAndInABatch(gpu, ShapeOf(name), (WeightType)weightType, cache);

    [Theory]
    [InlineData(3, 4, CacheType.BFloat16)]
    [InlineData(3, 4, CacheType.Float8)]
    [InlineData(40, 6, CacheType.BFloat16)]
    [InlineData(40, 6, CacheType.Float8)]
    public void Fewer_slots_and_plain_copies_give_the_same_bits(int rows, int minSlots, CacheType cache)
    {
        gpu.Require();
        float[]? first = null;
        foreach (var (slots, bulk) in ((int, bool)[])[(32, true), (32, false), (10, true), (minSlots, false), (minSlots, true)])
        {
            using var bench = new DecodeBench(gpu, Odd, WeightType.BFloat16, rows, 10 * rows, cache, maxSlots: slots, bulkCopies: bulk);
            for (var row = 0; row < rows; row++)
            {
                bench.StartRow(row, 100 * (row % 5), row);
                bench.Llama.SetRow(bench.Stream, row, row, 100 * (row % 5), active: true);
            }

            var logits = bench.Step(rows, 0, Odd.Vocabulary);
            Assert.All(logits, value => Assert.True(float.IsFinite(value)));
            first ??= logits;
            Assert.Equal(first, logits);
        }
    }

    /// <summary>Tests lengths on both sides of the end of every page, and a few within pages, up to the context limit.</summary>
    [Theory]
    [InlineData(CacheType.BFloat16)]
    [InlineData(CacheType.Float8)]
    [InlineData(CacheType.Float32)]
    public void Rows_that_end_near_a_page_boundary_or_within_a_page_equal_the_reference(CacheType cache)
    {
        gpu.Require();
        const int Rows = 64;
        int[] lengths = [.. Enumerable.Range(0, Tiny.Context).Where(length => length % KvCache.PageSize is 0 or 1 or 21 or 32 or 62 or 63)];
        using var bench = new DecodeBench(
            gpu, Tiny, StepChecks.WeightsFor(cache), Rows, Rows * (KvCache.PagesFor(Tiny.Context) + 1), cache);
        foreach (var group in lengths.Chunk(Rows))
        {
            var references = group.Select((length, row) => bench.StartRow(row, length, length)).ToArray();
            for (var row = 0; row < group.Length; row++)
            {
                bench.Llama.SetRow(bench.Stream, row, group[row] % Tiny.Vocabulary, group[row], active: true);
            }

            var logits = bench.Step(group.Length, 0, Tiny.Vocabulary);
            for (var row = 0; row < group.Length; row++)
            {
                var expected = references[row].Step(group[row] % Tiny.Vocabulary, 0, Tiny.Vocabulary);
                TensorAssert.CloseToPeak(
                    expected, logits.AsSpan(row * Tiny.Vocabulary, Tiny.Vocabulary), StepChecks.Tolerance(cache), $"length {group[row]}");
            }

            bench.ReturnPages();
        }
    }

    [Theory]
    [InlineData(CacheType.BFloat16)]
    [InlineData(CacheType.Float8)]
    [InlineData(CacheType.Float32)]
    public void A_replayed_graph_is_bit_identical_to_plain_launches(CacheType cache)
    {
        gpu.Require();
        using var bench = new DecodeBench(gpu, Odd, StepChecks.WeightsFor(cache), 4, 60, cache);
        bench.Llama.Prepare(4);
        using var graph = CudaGraph.Capture(bench.Stream, () => bench.Llama.Step(bench.Stream, 4, 0, Odd.Vocabulary));
        for (var step = 0; step < 20; step++)
        {
            for (var row = 0; row < 4; row++)
            {
                bench.StartRow(row, step * row, row);
                bench.Llama.SetRow(bench.Stream, row, step + row, step * row, active: true);
            }

            var plain = bench.Step(4, 0, Odd.Vocabulary);
            bench.Llama.Poison(bench.Stream, 0xff);
            graph.Launch(bench.Stream);
            Assert.Equal(plain, CudaCopy.ToHost<float>(bench.Llama.Logits, 4 * Odd.Vocabulary, bench.Stream));
            bench.ReturnPages();
        }
    }

    [Theory]
    [InlineData(CacheType.BFloat16)]
    [InlineData(CacheType.Float8)]
    [InlineData(CacheType.Float32)]
    public void Values_copied_into_the_cache_are_read_back(CacheType cache)
    {
        gpu.Require();
        using var bench = new DecodeBench(gpu, Odd, StepChecks.WeightsFor(cache), 1, 10, cache);
        bench.StartRow(0, 0, 1, spare: 400);
        const int Positions = 333;
        const int Width = 2 * LlamaShape.HeadSize;
        var keys = bench.Dense(new Random(3), Positions * Width);
        var values = bench.Dense(new Random(4), Positions * Width);
        using var keysIn = bench.Upload(keys);
        using var valuesIn = bench.Upload(values);
        using var keysOut = DeviceMemory.Allocate(keysIn.Bytes);
        using var valuesOut = DeviceMemory.Allocate(valuesIn.Bytes);
        bench.Cache.CopyIn(
            bench.Stream, bench.Llama.PageTableOf(0), 2, 17,
            new KeyValueBlock(keysIn.Address, valuesIn.Address, Positions, Width, LlamaShape.HeadSize));

        // The input has the dimensions [T, K, D], and the output has [K, T, D].
        bench.Cache.CopyOut(
            bench.Stream, bench.Llama.PageTableOf(0), 2, 17,
            new KeyValueBlock(keysOut.Address, valuesOut.Address, Positions, LlamaShape.HeadSize, Positions * LlamaShape.HeadSize));
        var back = bench.Download(keysOut, keys.Length);
        var backValues = bench.Download(valuesOut, keys.Length);
        var reference = new ReferenceLlama(bench.Model, cache);
        for (var t = 0; t < Positions; t++)
        {
            reference.Append(0, keys[(t * Width)..((t + 1) * Width)], values[(t * Width)..((t + 1) * Width)]);
            for (var i = 0; i < Width; i++)
            {
                var (head, d) = (i / LlamaShape.HeadSize, i % LlamaShape.HeadSize);
                var at = (((head * Positions) + t) * LlamaShape.HeadSize) + d;
                Assert.Equal(Dense(reference.Cache[0].Keys[t][i]), back[at]);
                Assert.Equal(Dense(reference.Cache[0].Values[t][i]), backValues[at]);
            }
        }

        float Dense(float kept) => cache == CacheType.Float32 ? kept : (float)Bf16.Round(kept);
    }

    [Fact]
    public void Float32_weights_with_a_cache_of_another_type_are_refused()
    {
        gpu.Require();
        var error = Assert.Throws<ArgumentException>(() => new DecodeBench(gpu, Tiny, WeightType.Float32, 1, 1, CacheType.BFloat16));
        Assert.Contains("Float32 weights with a BFloat16 cache", error.Message, StringComparison.Ordinal);
    }

    private static LlamaShape ShapeOf(string name) => name switch
    {
        "tiny" => Tiny,
        "odd" => Odd,
        "stage1" => Stage1Layer,
        _ => Stage2Layer,
    };

    /// <summary>Compiles the builds that these tests use.</summary>
    public sealed class Compiled
    {
        public Compiled(Gpu gpu) => gpu.Compile(Builds());
    }
}
