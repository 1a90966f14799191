using Xunit;
using Yue.Cuda.Decode;

namespace Yue.Cuda.Tests;

[Collection(Gpu.Name)]
[Trait("Category", Gpu.Name)]
public sealed class QuantizeGroupsTests(Gpu gpu)
{
    /// <remarks>The weights are normally distributed, and the bound is for their root mean square error divided by their standard
    /// deviation.</remarks>
    [Theory]
    [InlineData(WeightType.Int4, 1, 256, 0.080)]
    [InlineData(WeightType.Int4, 1, 11008, 0.080)]
    [InlineData(WeightType.Int4, 2, 640, 0.006)]
    [InlineData(WeightType.Int6, 1, 384, 0.022)]
    [InlineData(WeightType.Int6, 2, 2048, 0.002)]
    public void A_matrix_is_rounded_with_small_errors_and_restored_from_its_codes(WeightType type, int terms, int columns, double maxError)
    {
        const int Rows = 37;
        var random = new Random(columns);
        var weights = new ushort[Rows * columns];
        for (var i = 0; i < weights.Length; i++)
        {
            // Row 3 is zero.
            weights[i] = i / columns == 3 ? (ushort)0 : Bf16.From(Normal(random) * Math.Pow(2, i / columns % 5));
        }

        var (bytes, back) = RoundTrip(weights, type, Rows, columns, terms);
        var rowBytes = (int)GroupedWeights.RowBytes(type, columns);
        var values = new float[columns];
        var (error, power) = (0.0, 0.0);
        for (var row = 0; row < Rows; row++)
        {
            var sum = new float[columns];
            for (var term = 0; term < terms; term++)
            {
                GroupedWeights.Unpack(type, bytes.AsSpan(((row * terms) + term) * rowBytes, rowBytes), values);
                for (var i = 0; i < columns; i++)
                {
                    sum[i] += values[i];
                }
            }

            for (var i = 0; i < columns; i++)
            {
                var at = (row * columns) + i;
                Assert.Equal(Bf16.From(sum[i]), back[at]);
                var unit = Math.Pow(4, row % 5);
                error += Math.Pow(sum[i] - Bf16.ToFloat(weights[at]), 2) / unit;
                power += Math.Pow(Bf16.ToFloat(weights[at]), 2) / unit;
            }
        }

        Assert.All(Enumerable.Range(0, columns), i => Assert.Equal(0, Bf16.ToFloat(back[(3 * columns) + i])));
        Assert.InRange(Math.Sqrt(error / power), 0, maxError);
    }

    [Theory]
    [InlineData(WeightType.Int4, 0x7fc0)]
    [InlineData(WeightType.Int6, 0xff80)]
    [InlineData(WeightType.Int4, 0x5000)]
    public void A_value_that_cannot_be_quantized_is_refused(WeightType type, int bad)
    {
        var device = gpu.Require();
        var weights = new ushort[2 * 256];
        weights[300] = (ushort)bad;
        using var stream = CudaStream.Create();
        using var quantizer = new WeightQuantizer(device, gpu.Kernels);
        using var source = TestMatrix.Upload<ushort>(weights, stream);
        using var destination = DeviceMemory.Allocate(2 * GroupedWeights.RowBytes(type, 256));
        quantizer.QuantizeGroups(stream, source.Address, destination.Address, type, 2, 256, 1);
        var error = Assert.Throws<InvalidDataException>(() => quantizer.ThrowIfNotFinite(stream, "layers.7.down"));
        Assert.StartsWith("layers.7.down: ", error.Message, StringComparison.Ordinal);
        Assert.Contains("(rows or groups with such values: 1)", error.Message, StringComparison.Ordinal);
    }

    private static double Normal(Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());

    private (byte[] Bytes, ushort[] Back) RoundTrip(ushort[] weights, WeightType type, int rows, int columns, int terms)
    {
        var device = gpu.Require();
        using var stream = CudaStream.Create();
        using var quantizer = new WeightQuantizer(device, gpu.Kernels);
        using var source = TestMatrix.Upload<ushort>(weights, stream);
        using var bytes = DeviceMemory.Allocate(rows * terms * GroupedWeights.RowBytes(type, columns));
        using var back = DeviceMemory.Allocate(source.Bytes);
        bytes.Fill(0xff, stream);
        back.Fill(0xff, stream);
        quantizer.QuantizeGroups(stream, source.Address, bytes.Address, type, rows, columns, terms);
        quantizer.ThrowIfNotFinite(stream, "test");
        quantizer.DequantizeGroups(stream, bytes.Address, back.Address, type, rows, columns, terms);
        return (
            CudaCopy.ToHost<byte>(bytes.Address, (int)bytes.Bytes, stream),
            CudaCopy.ToHost<ushort>(back.Address, rows * columns, stream));
    }
}
