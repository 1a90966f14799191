using Xunit;
using Yue.Cuda.Compilation;
using Yue.Cuda.Decode;

namespace Yue.Cuda.Tests;

public sealed class StepLayoutTests
{
    private static readonly LlamaShape Shape = new()
    {
        Layers = 1,
        Hidden = 256,
        Intermediate = 384,
        Heads = 8,
        KeyValueHeads = 1,
        Vocabulary = 64,
        Context = 128,
    };

    /// <summary>Compute capabilities and their maximum shared memory per block.</summary>
    public static TheoryData<int, int> Devices => new() { { 80, 166_912 }, { 86, 101_376 }, { 89, 101_376 }, { 90, 232_448 } };

    [Theory]
    [MemberData(nameof(Devices))]
    public void Every_build_has_a_ring_on_every_device(int computeCapability, int available)
    {
        Assert.SkipWhen(KernelCompiler.Version(out var reason) is null, reason ?? "");
        foreach (var rows in (int[])[8, 80])
        {
            foreach (var weights in (WeightType[])[WeightType.BFloat16, WeightType.Int8])
            {
                var layout = LayoutOf(rows, weights, computeCapability);
                Assert.Equal(384, layout.Threads);
                var slots = layout.Slots(rows, available, int.MaxValue);
                Assert.InRange(slots, 4, 32);
                Assert.InRange(layout.SharedBytes(slots), slots * 8 * 1024, available);
                Assert.True(slots == layout.MostSlots || layout.SharedBytes(slots + 1) > available);
            }
        }
    }

    [Fact]
    public void A_step_in_float32_has_no_ring()
    {
        Assert.SkipWhen(KernelCompiler.Version(out var reason) is null, reason ?? "");
        var layout = LayoutOf(8, WeightType.Float32, 80);
        Assert.Equal((256, 0), (layout.Threads, layout.SharedBytes(layout.Slots(8, 49_152, int.MaxValue))));
    }

    [Fact]
    public void Too_little_shared_memory_is_refused_with_figures()
    {
        var layout = new StepLayout(Threads: 384, SlotBytes: 8_704, OtherBytes: 20_000, LeastSlots: 6, MostSlots: 32);
        Assert.Equal(24, layout.Slots(64, 232_448, int.MaxValue));
        var error = Assert.Throws<NotSupportedException>(() => layout.Slots(64, 49_152, int.MaxValue));
        Assert.Contains("a step of 64 rows needs 72224 bytes", error.Message, StringComparison.Ordinal);
        Assert.Contains("49152 bytes", error.Message, StringComparison.Ordinal);
        Assert.Throws<NotSupportedException>(() => layout.Slots(64, 232_448, mostSlots: 5));
    }

    private static StepLayout LayoutOf(int rows, WeightType weights, int computeCapability)
    {
        var cache = weights == WeightType.Float32 ? CacheType.Float32 : CacheType.Float8;
        var (file, definitions) = CudaLlama.BuildFor(Shape, weights, cache, rows);
        return CubinFile.Global<StepLayout>(KernelCompiler.Compile(file, computeCapability, definitions).Image, "step_layout");
    }
}
