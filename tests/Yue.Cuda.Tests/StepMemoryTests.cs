using Xunit;
using Yue.Cuda.Decode;

namespace Yue.Cuda.Tests;

public sealed class StepMemoryTests
{
    /// <summary>Compute capabilities and the shared memory that a block may have there.</summary>
    public static TheoryData<int, int> Devices =>
        new() { { 80, 166_912 }, { 86, 101_376 }, { 89, 101_376 }, { 90, 232_448 }, { 100, 232_448 }, { 120, 101_376 } };

    [Theory]
    [MemberData(nameof(Devices))]
    public void Every_build_has_a_ring_on_every_device(int computeCapability, int available)
    {
        foreach (var build in (int[])[8, 16, 32, 64, 80])
        {
            foreach (var weights in (WeightType[])[WeightType.BFloat16, WeightType.Int8, WeightType.Float8])
            {
                var memory = StepMemory.For(build, weights, computeCapability, available);
                Assert.InRange(memory.SharedBytes, 1, available);
                Assert.InRange(memory.Slots, 4, 32);
            }
        }
    }

    [Fact]
    public void Too_little_shared_memory_is_refused_with_figures()
    {
        var error = Assert.Throws<NotSupportedException>(() => StepMemory.For(64, WeightType.BFloat16, 86, 49_152));
        Assert.Contains("49152 bytes", error.Message, StringComparison.Ordinal);
        Assert.Contains("64 rows", error.Message, StringComparison.Ordinal);
        Assert.Throws<NotSupportedException>(() => StepMemory.For(64, WeightType.BFloat16, 90, 232_448, mostSlots: 5));
    }
}
