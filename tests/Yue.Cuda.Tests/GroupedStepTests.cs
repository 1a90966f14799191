using Xunit;
using Yue.Cuda.Decode;

namespace Yue.Cuda.Tests;

/// <summary>Tests steps with int6 and int4 weights.</summary>
[Collection(Gpu.Name)]
[Trait("Category", Gpu.Name)]
public sealed class GroupedStepTests(Gpu gpu) : IClassFixture<GroupedStepTests.Compiled>
{
    /// <summary>A model whose weight rows have 2.5, 3 and 11.5 units of 256 weights.</summary>
    private static LlamaShape Odd { get; } =
        new() { Layers = 3, Hidden = 640, Intermediate = 2944, Heads = 6, KeyValueHeads = 2, Vocabulary = 517, Context = 1024 };

    private static LlamaShape Normed { get; } = Odd with { KeyValueHeads = 3, NormEpsilon = 1e-6f, NormsQueriesAndKeys = true };

    public static TheoryData<string, int, WeightType, CacheType> Cases { get; } = new()
    {
        { "tiny", 2, WeightType.Int6, CacheType.BFloat16 }, { "odd", 13, WeightType.Int6, CacheType.BFloat16 },
        { "odd", 40, WeightType.Int6, CacheType.Float8 }, { "odd", 80, WeightType.Int6, CacheType.BFloat16 },
        { "stage1", 2, WeightType.Int6, CacheType.BFloat16 }, { "normed", 2, WeightType.Int6, CacheType.Float8 },
        { "tiny", 1, WeightType.Int4, CacheType.BFloat16 }, { "odd", 13, WeightType.Int4, CacheType.BFloat16 },
        { "odd", 40, WeightType.Int4, CacheType.Float8 }, { "odd", 80, WeightType.Int4, CacheType.BFloat16 },
        { "stage1", 2, WeightType.Int4, CacheType.BFloat16 }, { "normed", 9, WeightType.Int4, CacheType.BFloat16 },
    };

    public static TheoryData<string, WeightType, CacheType> BatchCases { get; } = new()
    {
        { "odd", WeightType.Int6, CacheType.BFloat16 }, { "odd", WeightType.Int4, CacheType.Float8 },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Logits_equal_the_reference(string name, int rows, WeightType weights, CacheType cache) =>
        StepChecks.LogitsEqualTheReference(gpu, ShapeOf(name), rows, weights, cache);

    [Theory]
    [MemberData(nameof(BatchCases))]
    public void A_row_has_the_same_bits_alone_and_in_a_batch(string name, WeightType weights, CacheType cache) =>
        StepChecks.ARowHasTheSameBitsAloneAndInABatch(gpu, ShapeOf(name), weights, cache);

    private static LlamaShape ShapeOf(string name) => name switch
    {
        "tiny" => StepChecks.Tiny,
        "odd" => Odd,
        "normed" => Normed,
        _ => StepChecks.Stage1Layer,
    };

    /// <summary>Compiles the builds that these tests use.</summary>
    public sealed class Compiled
    {
        public Compiled(Gpu gpu)
        {
            var cases = Cases.Select(row => row.Data)
                .Select(data => (Name: data.Item1, Rows: data.Item2, Weights: data.Item3, Cache: data.Item4));
            var batches =
                from batch in BatchCases.Select(row => row.Data)
                from rows in (int[])[8, 16, 32, 64, 80]
                select (Name: batch.Item1, Rows: rows, Weights: batch.Item2, Cache: batch.Item3);
            gpu.Compile(cases.Concat(batches)
                .Select(build => CudaLlama.BuildFor(ShapeOf(build.Name), build.Weights, build.Cache, build.Rows))
                .DistinctBy(build => string.Join(' ', build.Definitions)));
        }
    }
}
