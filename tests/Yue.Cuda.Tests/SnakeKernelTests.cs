using Xunit;
using Yue.Cuda.Decode;
using Yue.Testing;

namespace Yue.Cuda.Tests;

[Collection(Gpu.Name)]
[Trait("Category", Gpu.Name)]
public sealed class SnakeKernelTests(Gpu gpu)
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 1023)]
    [InlineData(64, 5119)]
    [InlineData(2048, 41)]
    public void The_kernel_computes_the_formula_and_can_work_in_place(int channels, int length)
    {
        var device = gpu.Require();
        var random = new Random(7);
        float[] Values(int count, double scale) =>
            [.. Enumerable.Range(0, count).Select(_ => (float)(scale * (random.NextDouble() - 0.5)))];
        var (x, speed, strength) = (Values(channels * length, 20), Values(channels, 8), Values(channels, 4));
        using var stream = CudaStream.Create();
        using var kernel = new SnakeKernel(device, gpu.Kernels);
        using var xOnDevice = TestMatrix.Upload<float>(x, stream);
        using var speedOnDevice = TestMatrix.Upload<float>(speed, stream);
        using var strengthOnDevice = TestMatrix.Upload<float>(strength, stream);
        using var y = DeviceMemory.Allocate(xOnDevice.Bytes);
        y.Fill(0xff, stream);
        kernel.Apply(stream, xOnDevice.Address, speedOnDevice.Address, strengthOnDevice.Address, y.Address, channels, length);
        float[] expected =
        [
            .. x.Select((value, i) => (float)(value + (Math.Pow(Math.Sin(value * speed[i / length]), 2) * strength[i / length]))),
        ];
        TensorAssert.Close(expected, CudaCopy.ToHost<float>(y.Address, x.Length, stream), 2e-5);
        kernel.Apply(stream, xOnDevice.Address, speedOnDevice.Address, strengthOnDevice.Address, xOnDevice.Address, channels, length);
        Assert.Equal(
            CudaCopy.ToHost<float>(y.Address, x.Length, stream), CudaCopy.ToHost<float>(xOnDevice.Address, x.Length, stream));
    }
}
