using Xunit;
using Yue.Cuda.Decode;
using Yue.Engine.Families.Yue1;
using Yue.Engine.Families.Yue2;
using Yue.Engine.Families.Yue2.Backbone;
using Yue.Engine.Families.Yue2.Vae;
using Yue.Engine.Llama;
using Yue.Engine.Residency;
using Yue.Engine.Scheduling;
using Yue.Testing;

namespace Yue.Engine.Tests.Yue2;

/// <summary>Tests the memory plan for YuE 2, alone and together with YuE 1, for the sizes of the published models.</summary>
public sealed class Yue2CostsTests
{
    private const long GiB = 1L << 30;

    /// <summary>The number of bytes of GPU memory that the driver reserves.</summary>
    private const long Driver = GiB / 2;

    /// <summary>The dimensions of the published checkpoint.</summary>
    private static readonly Yue2Config Config = new()
    {
        Language = new LlamaConfig
        {
            HiddenSize = 2048,
            IntermediateSize = 6144,
            Layers = 28,
            Heads = 16,
            KeyValueHeads = 8,
            HeadSize = 128,
            VocabularySize = 184_704,
            MaxPositions = 24_576,
            RopeTheta = 1e6,
            RmsNormEpsilon = 1e-6,
            TieWordEmbeddings = false,
            StoredDtype = TorchSharp.torch.ScalarType.BFloat16,
            NormsQueriesAndKeys = true,
        },
        LatentSize = 64,
        MaxLatentFrames = 24_576,
        TimestepShift = 1,
    };

    private static readonly VaeConfig Vae = new()
    {
        SampleRateHz = 48_000,
        LatentSize = 64,
        SoundChannels = 2,
        Channels = [2048, 1024, 512, 256, 128, 64, 64],
        Strides = [6, 5, 4, 4, 2, 2],
    };

    [Fact]
    public void The_numbers_of_weights_match_the_published_files()
    {
        // The file has 3,630,684,224 values. The norms of query and key heads and the biases are not counted.
        var model = new Yue2Costs([Config], Vae).Models[0];
        Assert.InRange(model.Parameters, 3_630_684_224 - 40_000, 3_630_684_224);
        Assert.InRange(model.WeightBytes(Limits(80 * GiB)), 7_261_368_448 - 80_000, 7_261_368_448);
        Assert.InRange(sizeof(float) * Vae.Parameters, 0.98 * 265_497_864, 265_497_864);
    }

    /// <summary>The first song has pages for two contexts, because of guidance, and each further song has pages for one. There is also a
    /// context for the chunk of flow matching, and a context with a single layer for prompts.</summary>
    [Theory]
    [InlineData(1, 0, 24_576)]
    [InlineData(1, 8192, 8192)]
    [InlineData(3, 8192, 8192)]
    public void Caches_use_112_KiB_per_position(int songs, int limit, long context)
    {
        var cost = new Yue2Costs([Config], Vae).Models[0].CacheBytes(
            Limits(80 * GiB) with { ContextTokens = limit }, new Capacity(songs, 4));
        var expected = ((songs + 2) * context * 114_688) + (context * 114_688 / 28);
        Assert.InRange(cost, expected, expected + (songs * 20_000_000L));
    }

    /// <summary>An id has a key and room for a kept key with its id, each of 4 bytes. Each group of 32 ids has a maximum.</summary>
    [Fact]
    public void A_sampler_uses_12_bytes_per_id_and_4_per_32_ids()
    {
        const long Songs = 3, Ids = 32_768, Buffers = Songs * Ids * ((3 * 32) + 1) / 32 * sizeof(uint);
        Assert.InRange(StageSampler.MemoryBytes((int)Songs, (int)Ids), Buffers, Buffers + (Songs * 1024));
    }

    [Theory]
    [InlineData(12, WeightType.Int8, CacheType.Float8, 8192)]
    [InlineData(16, WeightType.Int8, CacheType.Float8, 0)]
    [InlineData(16, WeightType.BFloat16, CacheType.BFloat16, 12_288)]
    [InlineData(24, WeightType.BFloat16, CacheType.BFloat16, 0)]
    public void A_song_fits_on_a_small_card(int gigabytes, WeightType weights, CacheType cache, int context)
    {
        var free = (gigabytes * GiB) - Driver;
        var plan = MemoryPlan.For([new Yue2Costs([Config], Vae)], new MemoryLimits(free, weights, cache, 0, context));
        Assert.InRange(plan.Capacity.Songs, 1, 8);
        Assert.InRange(plan.Bytes, 1, free);
    }

    /// <summary>The memory was measured on an H200 (docs/performance.md) for eight songs at once with a whole context. In that measurement,
    /// the cache for prompts had 28 layers instead of one.</summary>
    [Theory]
    [InlineData(WeightType.BFloat16, 42_986_176_512)]
    [InlineData(WeightType.Int8, 41_149_071_360)]
    public void A_plan_covers_the_measured_memory(WeightType weights, long used)
    {
        var limits = Limits(80 * GiB) with { Weights = weights, SongsAtOnce = 8 };
        used -= 24_576 * 114_688L * 27 / 28;
        Assert.InRange(MemoryPlan.For([new Yue2Costs([Config], Vae)], limits).Bytes, used, used * 102 / 100);
    }

    [Fact]
    public void A_card_of_80_GB_runs_eight_songs_at_once()
    {
        var plan = MemoryPlan.For([new Yue2Costs([Config], Vae)], Limits((80 * GiB) - Driver));
        Assert.Equal(8, plan.Capacity.Songs);
    }

    [Theory]
    [InlineData(12, "Weights=int8", "ContextTokens=8192")]
    [InlineData(16, "KeyValueCache=fp8", "ContextTokens=8192")]
    public void A_whole_context_on_a_small_card_is_refused_with_advice(int gigabytes, params string[] ways)
    {
        var error = Assert.Throws<NotSupportedException>(
            () => MemoryPlan.For([new Yue2Costs([Config], Vae)], Limits((gigabytes * GiB) - Driver)));
        Assert.All(ways, way => Assert.Contains(way, error.Message, StringComparison.Ordinal));
    }

    [Fact]
    public void Both_families_share_a_large_card_and_take_turns_on_a_small_one()
    {
        var yue1 = new Yue1Costs([TestLlama.FullSizeStage1], TestLlama.FullSizeStage2);
        var yue2 = new Yue2Costs([Config], Vae);
        IModelCosts[] models = [yue1.Stage1[0], yue1.Stage2, yue2.Models[0]];

        var large = MemoryPlan.For([yue1, yue2], Limits(79 * GiB) with { SongsAtOnce = 1 });
        Assert.True(models.Sum(large.BytesOf) <= large.ModelBytes);

        var small = MemoryPlan.For([yue1, yue2], Limits((24 * GiB) - Driver) with { Weights = WeightType.Int8, ContextTokens = 8192 });
        Assert.True(models.Sum(small.BytesOf) > small.ModelBytes);
        Assert.All(models, model => Assert.InRange(small.BytesOf(model), 1, small.ModelBytes));
    }

    [Fact]
    public void The_memory_limit_also_applies_to_the_CPU()
    {
        var yue2 = new Yue2Costs([Config], Vae);
        var all = MemoryPlan.ForCpu([yue2], new EngineOptions());
        Assert.Equal(sizeof(float) * yue2.Models[0].Parameters, all.ModelBytes);
        Assert.Throws<NotSupportedException>(
            () => MemoryPlan.ForCpu([yue2], new EngineOptions { DeviceMemoryMegabytes = 8000 }));
    }

    private static MemoryLimits Limits(long free) => new(free, WeightType.BFloat16, CacheType.BFloat16, 0);
}
