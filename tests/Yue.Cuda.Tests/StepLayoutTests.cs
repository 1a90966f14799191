using Xunit;
using Yue.Cuda.Decode;

namespace Yue.Cuda.Tests;

public sealed class StepLayoutTests
{
    [Fact]
    public void The_error_for_too_little_shared_memory_gives_both_sizes()
    {
        var layout = new StepLayout(Threads: 384, SlotBytes: 8_704, OtherBytes: 20_000, MinSlots: 6, MaxSlots: 32);
        Assert.Equal(24, layout.Slots(64, 232_448, int.MaxValue));
        var error = Assert.Throws<NotSupportedException>(() => layout.Slots(64, 49_152, int.MaxValue));
        Assert.Contains("a step of 64 rows needs 72224 bytes", error.Message, StringComparison.Ordinal);
        Assert.Contains("49152 bytes", error.Message, StringComparison.Ordinal);
        Assert.Throws<NotSupportedException>(() => layout.Slots(64, 232_448, maxSlots: 5));
    }
}
