using Xunit;
using Yue.Cuda.Compilation;
using Yue.Cuda.Decode;

namespace Yue.Cuda.Tests;

/// <summary>Tests steps of models that normalize query and key heads, such as YuE 2.</summary>
[Collection(Gpu.Name)]
[Trait("Category", Gpu.Name)]
public sealed class NormedStepTests(Gpu gpu) : IClassFixture<NormedStepTests.Compiled>
{
    private static LlamaShape NormedHeads { get; } = new()
    {
        Layers = 3,
        Hidden = 640,
        Intermediate = 896,
        Heads = 6,
        KeyValueHeads = 3,
        Vocabulary = 517,
        Context = 1024,
        NormEpsilon = 1e-6f,
        NormsQueriesAndKeys = true,
    };

    private static LlamaShape NormedGroups { get; } = NormedHeads with { Hidden = 128, Heads = 8, KeyValueHeads = 1, RopeTheta = 1e6 };

    private static LlamaShape Yue2Layer { get; } = new()
    {
        Layers = 1,
        Hidden = 2048,
        Intermediate = 6144,
        Heads = 16,
        KeyValueHeads = 8,
        Vocabulary = 1024,
        Context = 24576,
        RopeTheta = 1e6,
        NormEpsilon = 1e-6f,
        NormsQueriesAndKeys = true,
    };

    public static TheoryData<string, int, int, CacheType> Cases { get; } = new()
    {
        { "normed", 1, 0, CacheType.BFloat16 }, { "normed", 8, 0, CacheType.BFloat16 }, { "normed", 13, 0, CacheType.BFloat16 },
        { "normed", 40, 0, CacheType.BFloat16 }, { "normed", 80, 0, CacheType.Float8 }, { "normed", 7, 1, CacheType.BFloat16 },
        { "normed", 3, 2, CacheType.Float8 }, { "normed", 9, 3, CacheType.Float32 }, { "normed groups", 5, 0, CacheType.BFloat16 },
        { "normed groups", 2, 0, CacheType.Float8 }, { "normed groups", 3, 3, CacheType.Float32 }, { "yue2", 1, 0, CacheType.BFloat16 },
        { "yue2", 8, 0, CacheType.BFloat16 }, { "yue2", 1, 1, CacheType.BFloat16 }, { "yue2", 2, 1, CacheType.Float8 },
        { "yue2", 2, 3, CacheType.Float32 },
    };

    public static TheoryData<string, int, CacheType> BatchCases { get; } = new()
    {
        { "normed", 0, CacheType.BFloat16 }, { "normed", 1, CacheType.Float8 }, { "normed", 3, CacheType.Float32 },
        { "yue2", 0, CacheType.BFloat16 },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Logits_equal_the_reference(string name, int rows, int weightType, CacheType cache) =>
        StepChecks.LogitsEqualTheReference(gpu, ShapeOf(name), rows, (WeightType)weightType, cache);

    [Theory]
    [InlineData("yue2", 24575, CacheType.BFloat16)]
    [InlineData("yue2", 4651, CacheType.Float8)]
    [InlineData("yue2", 24575, CacheType.Float32)]
    public void Long_rows_equal_the_reference(string name, int position, CacheType cache) =>
        StepChecks.LongRowsEqualTheReference(gpu, ShapeOf(name), position, cache);

    [Theory]
    [MemberData(nameof(BatchCases))]
    public void A_row_has_the_same_bits_alone_and_in_a_batch(string name, int weightType, CacheType cache) =>
        StepChecks.ARowHasTheSameBitsAloneAndInABatch(gpu, ShapeOf(name), (WeightType)weightType, cache);

    [Fact]
    public void Weights_with_norms_that_the_model_does_not_use_are_refused()
    {
        gpu.Require();
        using var bench = new DecodeBench(gpu, NormedHeads, WeightType.BFloat16, 1, 1);
        var error = Assert.Throws<ArgumentException>(() => new CudaLlama(
            gpu.Require(), gpu.Kernels, NormedHeads with { NormsQueriesAndKeys = false }, bench.Model.Weights, bench.Cache, 1, 64));
        Assert.Contains("does not normalize queries and keys", error.Message, StringComparison.Ordinal);
    }

    private static LlamaShape ShapeOf(string name) => name switch
    {
        "normed" => NormedHeads,
        "normed groups" => NormedGroups,
        _ => Yue2Layer,
    };

    private static IEnumerable<KernelBuild> Builds()
    {
        var cases = Cases.Select(row => row.Data)
            .Select(data => (Name: data.Item1, Rows: data.Item2, Weights: data.Item3, Cache: data.Item4));
        var batches =
            from batch in BatchCases.Select(row => row.Data)
            from rows in (int[])[8, 16, 32, 64, 80]
            select (Name: batch.Item1, Rows: rows, Weights: batch.Item2, Cache: batch.Item3);
        return cases.Concat(batches)
            .Select(build => CudaLlama.BuildFor(ShapeOf(build.Name), (WeightType)build.Weights, build.Cache, build.Rows))
            .DistinctBy(build => string.Join(' ', build.Definitions));
    }

    /// <summary>Compiles the builds that these tests use.</summary>
    public sealed class Compiled
    {
        public Compiled(Gpu gpu) => gpu.Compile(Builds());
    }
}
