using Xunit;
using Yue.Cuda.Decode;
using Yue.Engine.Families.Yue1;
using Yue.Engine.Families.Yue1.Demo;
using Yue.Engine.Llama;
using Yue.Engine.Residency;
using Yue.Engine.Scheduling;
using Yue.Engine.Tests.Families;
using Yue.Testing;
using KvCache = Yue.Cuda.Decode.KvCache;

namespace Yue.Engine.Tests;

public sealed class MemoryPlanTests
{
    private const long GiB = 1L << 30;

    private static readonly LlamaConfig Stage1 = TestLlama.FullSizeStage1;
    private static readonly LlamaConfig Stage2 = TestLlama.FullSizeStage2;

    /// <summary>Tests the sizes for the numbers of weights in docs/model.md. There are two or four bytes per weight. With int8, there is
    /// one byte per weight and one scale per row, except for the embedding and the norms, which stay in bf16.</summary>
    [Fact]
    public void Weight_bytes_follow_from_the_number_of_weights_and_their_type()
    {
        Assert.Equal(2 * 6_224_613_376L, LlamaMemory.WeightBytes(Stage1, WeightType.BFloat16));
        Assert.Equal(2 * 1_962_543_104L, LlamaMemory.WeightBytes(Stage2, WeightType.BFloat16));
        var plain = 2L * ((83_968 * 4096) + (65 * 4096));
        var rows = (32 * (5120L + 4096 + 22_016 + 4096)) + 83_968;
        Assert.Equal(plain + (6_224_613_376 - (plain / 2)) + (4 * rows), LlamaMemory.WeightBytes(Stage1, WeightType.Int8));
        Assert.Equal(4 * 6_224_613_376L, LlamaMemory.WeightBytes(Stage1, WeightType.Float32));
    }

    /// <summary>Stage 2 chooses among the 7,168 ids of the residual codebooks, so the other rows of its head are not loaded.</summary>
    [Theory]
    [InlineData(WeightType.BFloat16, 2 * 2_048)]
    [InlineData(WeightType.Int8, 2_048 + 4)]
    [InlineData(WeightType.Int4, 2 * 8 * 144)]
    public void The_head_of_stage_2_has_only_the_rows_of_ids_that_it_can_choose(WeightType type, long rowBytes)
    {
        var loaded = Costs(Stage1).Stage2.WeightBytes(new MemoryLimits(0, type, CacheType.BFloat16, 1));
        Assert.Equal(LlamaMemory.WeightBytes(Stage2, type) - ((83_840 - 7_168) * rowBytes), loaded);
    }

    /// <summary>A prefill computes the scores of fewer positions at a time if the context is long.</summary>
    [Theory]
    [InlineData(512, 12L * 512 * 512 * 32)]
    [InlineData(8_192, 12L * 64 * 8_192 * 32)]
    [InlineData(16_384, 12L * 32 * 16_384 * 32)]
    public void The_scores_of_a_prompt_take_a_limited_amount_of_memory(int context, long bytes)
    {
        var config = Stage1 with { MaxPositions = context };
        Assert.Equal(bytes, LlamaMemory.PrefillScoreBytes(config));
        var positions = LlamaMemory.PositionsAtOnce(config.Heads, context, LlamaModel.PrefillChunk);
        Assert.InRange(12 * positions * context * config.Heads, 1, bytes);
    }

    /// <summary>The scores for the prompts of eight stage-2 chunks are not split.</summary>
    [Fact]
    public void Scores_that_fit_are_computed_in_one_part() => Assert.Equal(303, LlamaMemory.PositionsAtOnce(8 * Stage2.Heads, 303, 303));

    /// <summary>There are pages for two contexts per song. The dense cache for prompts has a single layer.</summary>
    [Fact]
    public void A_song_has_pages_for_two_contexts_and_a_dense_cache_of_one_layer()
    {
        var limits = new MemoryLimits(0, WeightType.Int8, CacheType.Float8, 1, 8_192);
        var page = KvCache.PageBytes(CudaDecoderModel.ShapeOf(Stage1, 8_192), CacheType.Float8);
        const long Layer = 2 * 2 * 4 * 128 * 8_192;
        Assert.Equal((((2 * 8_192 / 64) + 2) * page) + Layer, Costs(Stage1).Stage1[0].CacheBytes(limits, new Capacity(1, 4)));
    }

    /// <summary>Stage 2 of eight songs of 30 s has 80 rows. With a bf16 cache, they do not fit in 79 GiB.</summary>
    [Theory]
    [InlineData(94, CacheType.BFloat16, CudaLlama.MaxRows)]
    [InlineData(79, CacheType.BFloat16, 64)]
    [InlineData(79, CacheType.Float8, CudaLlama.MaxRows)]
    public void A_large_device_runs_eight_songs_and_as_many_rows_as_fit(int gigabytes, CacheType cache, int rows)
    {
        var plan = MemoryPlan.For([Costs(Stage1)], new MemoryLimits(gigabytes * GiB, WeightType.BFloat16, cache, 0));
        Assert.Equal((8, rows), (plan.Capacity.Songs, plan.Capacity.Rows));
        Assert.InRange(plan.Bytes, 50 * GiB, gigabytes * GiB);
    }

    [Theory]
    [InlineData(32, WeightType.BFloat16, 16_384, 1)]
    [InlineData(24, WeightType.Int8, 16_384, 1)]
    [InlineData(24, WeightType.Float8, 8_192, 4)]
    [InlineData(16, WeightType.Int8, 8_192, 1)]
    public void Songs_fit_on_smaller_devices_with_suitable_settings(int gigabytes, WeightType weights, int context, int minSongs)
    {
        var free = (gigabytes * GiB) - (GiB / 2);       // without the memory that the driver reserves
        var plan = MemoryPlan.For([Costs(Stage1 with { MaxPositions = context })], new MemoryLimits(free, weights, CacheType.BFloat16, 0));
        Assert.InRange(plan.Capacity.Songs, minSongs, 8);
        Assert.InRange(plan.Bytes, 1, free);
    }

    /// <summary>Tests cards of 12, 8 and 6 GB on which other programs use 0.75 GiB. A context of 8,192 tokens is enough for
    /// two sections of 30 s.</summary>
    [Theory]
    [InlineData(11.25, WeightType.Int8, CacheType.BFloat16, 16_384, nameof(HostShare.Nothing))]
    [InlineData(11.25, WeightType.Int6, CacheType.Float8, 16_384, nameof(HostShare.Nothing))]
    [InlineData(7.25, WeightType.Int6, CacheType.Float8, 8_192, nameof(HostShare.EmbeddingsAndSound))]
    [InlineData(7.25, WeightType.Int4, CacheType.Float8, 8_192, nameof(HostShare.Nothing))]
    [InlineData(5.25, WeightType.Int4, CacheType.Float8, 8_192, nameof(HostShare.EmbeddingsAndSound))]
    public void A_small_card_makes_songs_with_parts_in_host_memory_if_necessary(
        double gigabytes, WeightType weights, CacheType cache, int context, string host)
    {
        var free = (long)(gigabytes * GiB);
        var plan = MemoryPlan.For([Costs(Stage1)], new MemoryLimits(free, weights, cache, 0, context));
        Assert.Equal(host, plan.Host.ToString());
        Assert.InRange(plan.Capacity.Rows, 8, CudaLlama.MaxRows);
        Assert.InRange(plan.Bytes, 1, free);
    }

    /// <summary>Embeddings in host memory reduce the bytes of the weights, and sound models in host memory reduce the working
    /// memory.</summary>
    [Fact]
    public void Parts_in_host_memory_are_not_counted()
    {
        var all = new MemoryLimits(0, WeightType.Int4, CacheType.Float8, 1, 8_192);
        var (embeddings, sound) = (all with { Host = HostShare.Embeddings }, all with { Host = HostShare.EmbeddingsAndSound });
        var costs = Costs(Stage1);
        Assert.Equal(2L * 83_968 * 4096, costs.Stage1[0].WeightBytes(all) - costs.Stage1[0].WeightBytes(embeddings));
        Assert.Equal(2L * 83_840 * 2048, costs.Stage2.WeightBytes(all) - costs.Stage2.WeightBytes(embeddings));
        Assert.Equal(costs.WorkingBytes(all), costs.WorkingBytes(embeddings));
        Assert.Equal(11L << 27, costs.WorkingBytes(all) - costs.WorkingBytes(sound));
    }

    [Fact]
    public void Float32_fits_on_a_large_device_and_the_error_on_a_smaller_one_names_bf16()
    {
        var costs = Costs(Stage1);
        var plan = MemoryPlan.For([costs], new MemoryLimits(79 * GiB, WeightType.Float32, CacheType.Float32, 1));
        Assert.InRange(plan.BytesOf(costs.Stage1[0]), 4 * 6_224_613_376L, plan.ModelBytes);
        var error = Assert.Throws<NotSupportedException>(
            () => MemoryPlan.For([Costs(Stage1)], new MemoryLimits(24 * GiB, WeightType.Float32, CacheType.Float32, 1)));
        Assert.Contains("Weights=bf16 with KeyValueCache=bf16", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_plan_is_for_the_configured_number_of_songs()
    {
        var plan = MemoryPlan.For([Costs(Stage1)], new MemoryLimits(94 * GiB, WeightType.BFloat16, CacheType.BFloat16, 2));
        Assert.Equal(2, plan.Capacity.Songs);
    }

    [Fact]
    public void Checkpoints_that_do_not_fit_together_take_turns()
    {
        var six = Costs(Stage1, Stage1, Stage1, Stage1, Stage1, Stage1);
        var many = MemoryPlan.For([six], new MemoryLimits(79 * GiB, WeightType.BFloat16, CacheType.BFloat16, 1));
        Assert.Equal(79 * GiB, many.Bytes);
        Assert.InRange(many.BytesOf(six.Stage1[0]) + many.BytesOf(six.Stage2), 1, many.ModelBytes);

        var single = Costs(Stage1);
        var one = MemoryPlan.For([single], new MemoryLimits(22 * GiB, WeightType.BFloat16, CacheType.BFloat16, 1));
        Assert.InRange(one.Capacity.Rows, 8, 64);
        var (stage1, stage2) = (one.BytesOf(single.Stage1[0]), one.BytesOf(single.Stage2));
        Assert.InRange(one.ModelBytes, stage1, stage1 + stage2 - 1);
    }

    [Fact]
    public void A_plan_for_two_families_has_room_for_the_models_of_both()
    {
        var limits = new MemoryLimits(94 * GiB, WeightType.BFloat16, CacheType.BFloat16, 2);
        var (yue1, fake) = (Costs(Stage1), new FakeSongs(["fake"], parameters: 5 * GiB));
        var (alone, both) = (MemoryPlan.For([yue1], limits), MemoryPlan.For([yue1, fake], limits));
        Assert.Equal(alone.Capacity, both.Capacity);
        Assert.Equal(alone.Bytes + (10 * GiB) + 2, both.Bytes);
        Assert.Equal((10 * GiB) + 2, both.BytesOf(fake));
    }

    [Fact]
    public void The_rows_of_stage_2_on_the_CPU_depend_on_cores_and_model_size()
    {
        Assert.Equal(Math.Min(CpuWork.Cores, 32), Yue1Costs.CpuRows(LlamaConfig.Load(DemoModel.Folders.Stage2)));
        Assert.Equal(5, Yue1Costs.CpuRows(Stage2));
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(3, 3)]
    public void The_CPU_makes_one_song_at_a_time_unless_more_are_configured(int songsAtOnce, int expected) =>
        Assert.Equal(expected, MemoryPlan.ForCpu([Costs(Stage1)], new EngineOptions { SongsAtOnce = songsAtOnce }).Capacity.Songs);

    [Fact]
    public void Models_that_do_not_fit_are_refused_with_figures_and_advice()
    {
        var error = Assert.Throws<NotSupportedException>(
            () => MemoryPlan.For([Costs(Stage1, Stage1)], new MemoryLimits(14 * GiB, WeightType.BFloat16, CacheType.BFloat16, 2)));
        Assert.Contains("2 songs at once take", error.Message, StringComparison.Ordinal);
        Assert.Contains("14.0 GiB may be used", error.Message, StringComparison.Ordinal);
        Assert.Contains("weights take 11.0", error.Message, StringComparison.Ordinal);
        foreach (var way in (string[])["SongsAtOnce=1", "Weights=int8", "KeyValueCache=fp8", "ContextTokens=8192", "Device=cpu"])
        {
            Assert.Contains(way, error.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(WeightType.BFloat16, "Weights=int8 (8.4 GiB), Weights=int6 (7.7 GiB), Weights=int4 (6.2 GiB)")]
    [InlineData(WeightType.Float8, "Weights=int6 (7.7 GiB), Weights=int4 (6.2 GiB)")]
    [InlineData(WeightType.Int6, "What would help: Weights=int4 (6.2 GiB), KeyValueCache=fp8 (6.9 GiB), ContextTokens=8192 (7.0 GiB)")]
    [InlineData(WeightType.Int4, "What would help: KeyValueCache=fp8 (5.4 GiB), ContextTokens=8192 (5.6 GiB), no other programs")]
    public void A_refusal_names_the_smaller_types_in_order_of_accuracy(WeightType weights, string ways)
    {
        var error = Assert.Throws<NotSupportedException>(
            () => MemoryPlan.For([Costs(Stage1)], new MemoryLimits(5 * GiB, weights, CacheType.BFloat16, 1)));
        Assert.Contains(ways, error.Message, StringComparison.Ordinal);
    }

    private static Yue1Costs Costs(params LlamaConfig[] stage1) => new(stage1, Stage2);
}
