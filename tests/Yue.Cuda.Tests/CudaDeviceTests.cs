using Xunit;

namespace Yue.Cuda.Tests;

public sealed class CudaDeviceTests
{
    [Fact]
    public void A_missing_device_is_reported_with_the_reason()
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
    [InlineData(75, "Tesla T4 has compute capability 7.5; 8.0 (Ampere) or newer is required")]
    [InlineData(80, null)]
    [InlineData(90, null)]
    public void A_device_that_is_too_old_is_refused_with_a_reason_that_names_it(int computeCapability, string? refusal) =>
        Assert.Equal(refusal, CudaDevice.UnsupportedReason("Tesla T4", computeCapability));

    [Theory]
    [InlineData(2, false)]
    [InlineData(1, false)]
    [InlineData(700, true)]
    [InlineData(702, true)]
    [InlineData(719, true)]
    [InlineData(701, false)]
    [InlineData(999, true)]
    public void Errors_say_whether_the_context_can_still_be_used(int error, bool dead)
    {
        var exception = new CudaException(error, "name", "cuMemAlloc(...)");
        Assert.Equal(dead, exception.IsContextDead);
        Assert.Contains("cuMemAlloc", exception.Message, StringComparison.Ordinal);
    }
}
