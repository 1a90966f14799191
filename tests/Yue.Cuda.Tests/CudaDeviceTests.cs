using Xunit;

namespace Yue.Cuda.Tests;

public sealed class CudaDeviceTests
{
    [Fact]
    public void A_machine_without_a_device_says_why()
    {
        if (CudaDevice.Count(out var reason) > 0)
        {
            Assert.Null(reason);
            return;
        }

        Assert.NotNull(reason);
        Assert.Null(CudaDevice.TryOpen(0, out var again));
        Assert.Equal(reason, again);
    }

    [Theory]
    [InlineData(2, true, false)]
    [InlineData(1, false, false)]
    [InlineData(700, false, true)]
    [InlineData(702, false, true)]
    [InlineData(719, false, true)]
    [InlineData(701, false, false)]
    [InlineData(999, false, true)]
    public void Errors_tell_whether_the_context_lives(int error, bool outOfMemory, bool dead)
    {
        var exception = new CudaException(error, "name", "cuMemAlloc(...)");
        Assert.Equal(outOfMemory, exception.IsOutOfMemory);
        Assert.Equal(dead, exception.IsContextDead);
        Assert.Contains("cuMemAlloc", exception.Message, StringComparison.Ordinal);
    }
}
