using System.Runtime.InteropServices;
using Xunit;
using Yue.Engine.Weights;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.Weights;

public sealed class DeviceAddressTests
{
    [Fact]
    public void The_address_of_a_slice_is_that_of_its_first_value()
    {
        using var whole = randn([6, 8]).to(ScalarType.BFloat16);
        using var slice = whole.narrow(0, 2, 3);
        var read = new byte[3 * 8 * 2];
        Marshal.Copy(slice.Address(), read, 0, read.Length);
        Assert.Equal(whole.bytes[(2 * 8 * 2)..(5 * 8 * 2)].ToArray(), read);
    }

    [Fact]
    public void Address_refuses_a_noncontiguous_tensor_and_AddressOfFirst_accepts_it()
    {
        using var columns = zeros([4, 4], ScalarType.BFloat16).t();
        Assert.Throws<ArgumentException>(() => columns.Address());
        Assert.NotEqual(0, columns.AddressOfFirst());
    }
}
