using Xunit;
using Yue.Cuda.Decode;
using Yue.Engine.Families.Yue1.Demo;
using Yue.Engine.Llama;
using Yue.Engine.Residency;
using Yue.Engine.Scheduling;
using Yue.Testing;

namespace Yue.Engine.Tests;

public sealed class MemoryPlanTests
{
    private const long GiB = 1L << 30;

    private static readonly LlamaConfig Stage1 = TestLlama.FullSizeStage1;
    private static readonly LlamaConfig Stage2 = TestLlama.FullSizeStage2;

    /// <summary>The numbers of weights that docs/model.md gives, two bytes each, or a byte each and a scale a row.</summary>
    [Fact]
    public void Weights_are_counted_as_the_files_hold_them()
    {
        Assert.Equal(2 * 6_224_613_376L, MemoryPlan.WeightBytes(Stage1, WeightType.BFloat16));
        Assert.Equal(2 * 1_962_543_104L, MemoryPlan.WeightBytes(Stage2, WeightType.BFloat16));
        var plain = 2L * ((83_968 * 4096) + (65 * 4096));
        var rows = (32 * (5120L + 4096 + 22_016 + 4096)) + 83_968;
        Assert.Equal(plain + (6_224_613_376 - (plain / 2)) + (4 * rows), MemoryPlan.WeightBytes(Stage1, WeightType.Int8));
        Assert.Equal(4 * 6_224_613_376L, MemoryPlan.WeightBytes(Stage1, WeightType.Float32));
    }

    /// <summary>Eight songs of 30 s are 80 chunks; in bf16 they need more than 80 GB.</summary>
    [Theory]
    [InlineData(94, CacheType.BFloat16, CudaLlama.MostRows)]
    [InlineData(79, CacheType.BFloat16, 64)]
    [InlineData(79, CacheType.Float8, CudaLlama.MostRows)]
    public void A_large_device_takes_eight_songs_and_as_many_rows_as_fit(int gigabytes, CacheType cache, int rows)
    {
        var plan = MemoryPlan.For([Stage1], Stage2, new MemoryLimits(gigabytes * GiB, WeightType.BFloat16, cache, 0));
        Assert.Equal((8, rows), (plan.SongsAtOnce, plan.Stage2Rows));
        Assert.InRange(plan.Bytes, 50 * GiB, gigabytes * GiB);
    }

    [Theory]
    [InlineData(32, WeightType.BFloat16, 16_384, 1)]
    [InlineData(24, WeightType.Int8, 16_384, 1)]
    [InlineData(24, WeightType.Float8, 8_192, 4)]
    [InlineData(16, WeightType.Int8, 8_192, 1)]
    public void Settings_make_room_on_smaller_devices(int gigabytes, WeightType weights, int context, int leastSongs)
    {
        var free = (gigabytes * GiB) - (GiB / 2);       // what the driver keeps
        var plan = MemoryPlan.For([Stage1 with { MaxPositions = context }], Stage2, new MemoryLimits(free, weights, CacheType.BFloat16, 0));
        Assert.InRange(plan.SongsAtOnce, leastSongs, 8);
        Assert.InRange(plan.Bytes, 1, free);
    }

    [Fact]
    public void A_large_device_takes_float32_and_a_smaller_one_is_told_of_bf16()
    {
        var plan = MemoryPlan.For([Stage1], Stage2, new MemoryLimits(79 * GiB, WeightType.Float32, CacheType.Float32, 1));
        Assert.InRange(plan.Stage1Bytes(Stage1), 4 * 6_224_613_376L, plan.ModelBytes);
        var error = Assert.Throws<NotSupportedException>(
            () => MemoryPlan.For([Stage1], Stage2, new MemoryLimits(24 * GiB, WeightType.Float32, CacheType.Float32, 1)));
        Assert.Contains("Weights=bf16 with KeyValueCache=bf16", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_number_of_songs_that_is_asked_for_is_planned_for()
    {
        var plan = MemoryPlan.For([Stage1], Stage2, new MemoryLimits(94 * GiB, WeightType.BFloat16, CacheType.BFloat16, 2));
        Assert.Equal(2, plan.SongsAtOnce);
    }

    [Fact]
    public void Checkpoints_that_do_not_fit_together_share_the_room_with_stage_2_or_take_turns_with_it()
    {
        var many = MemoryPlan.For([Stage1, Stage1, Stage1, Stage1, Stage1], Stage2, new MemoryLimits(79 * GiB, WeightType.BFloat16, CacheType.BFloat16, 1));
        Assert.Equal(79 * GiB, many.Bytes);
        Assert.InRange(many.Stage1Bytes(Stage1) + many.Stage2Bytes(Stage2), 1, many.ModelBytes);

        var one = MemoryPlan.For([Stage1], Stage2, new MemoryLimits(22 * GiB, WeightType.BFloat16, CacheType.BFloat16, 1));
        Assert.InRange(one.Stage2Rows, 8, 64);
        Assert.InRange(one.ModelBytes, one.Stage1Bytes(Stage1), one.Stage1Bytes(Stage1) + one.Stage2Bytes(Stage2) - 1);
    }

    [Fact]
    public void On_the_CPU_the_demo_model_has_a_row_of_stage_2_for_each_core_and_a_large_model_as_many_as_weigh_what_it_does()
    {
        var demo = MemoryPlan.ForCpu([LlamaConfig.Load(DemoModel.Folders.Stage1)], LlamaConfig.Load(DemoModel.Folders.Stage2), new EngineOptions());
        Assert.Equal(Math.Min(CpuWork.Cores, 32), demo.Stage2Rows);

        Assert.Equal(5, MemoryPlan.ForCpu([Stage1], Stage2, new EngineOptions()).Stage2Rows);
    }

    [Fact]
    public void What_does_not_fit_is_refused_with_figures_and_the_settings_that_would_help()
    {
        var error = Assert.Throws<NotSupportedException>(
            () => MemoryPlan.For([Stage1, Stage1], Stage2, new MemoryLimits(16 * GiB, WeightType.BFloat16, CacheType.BFloat16, 2)));
        Assert.Contains("2 songs at once take", error.Message, StringComparison.Ordinal);
        Assert.Contains("16.0 GiB may be used", error.Message, StringComparison.Ordinal);
        Assert.Contains("weights take 11.6", error.Message, StringComparison.Ordinal);
        foreach (var way in (string[])["SongsAtOnce=1", "Weights=int8", "KeyValueCache=fp8", "ContextTokens=8192", "Device=cpu"])
        {
            Assert.Contains(way, error.Message, StringComparison.Ordinal);
        }
    }
}
