using TorchSharp;
using Xunit;

namespace Yue.Engine.Tests.Native;

public sealed class TorchNativeLibraryTests
{
    [Fact]
    public void TorchSharp_loads_and_computes()
    {
        using var sum = torch.arange(5, dtype: torch.ScalarType.Float32).sum();
        Assert.Equal(10f, sum.item<float>());
    }
}
