using Xunit;
using Yue.Cuda.Decode;

namespace Yue.Cuda.Tests;

[Collection(Gpu.Name)]
[Trait("Category", Gpu.Name)]
public sealed class QuantizeTests(Gpu gpu)
{
    [Theory]
    [InlineData(WeightType.Int8, 1, 8)]
    [InlineData(WeightType.Int8, 7, 11008)]
    [InlineData(WeightType.Int8, 1003, 640)]
    [InlineData(WeightType.Float8, 1, 8)]
    [InlineData(WeightType.Float8, 7, 11008)]
    [InlineData(WeightType.Float8, 1003, 640)]
    public void A_matrix_is_rounded_to_the_nearest_codes_and_restored_from_them(WeightType type, int rows, int columns)
    {
        var weights = Weights(rows, columns);
        var (codes, scales, back) = RoundTrip(weights, type, rows, columns);
        for (var row = 0; row < rows; row++)
        {
            var values = weights.AsSpan(row * columns, columns).ToArray().Select(Bf16.ToFloat).ToArray();
            var scale = values.Max(Math.Abs) / (type == WeightType.Int8 ? 127f : 448f);
            Assert.Equal(scale < 1.17549435e-38f ? 1 : scale, scales[row]);
            for (var i = 0; i < columns; i++)
            {
                var at = (row * columns) + i;
                var nearest = Nearest(type, values[i] / scales[row]);
                Assert.True(
                    nearest == codes[at],
                    $"row {row}, column {i}: {values[i]} / {scales[row]} became {codes[at]:x2}, expected {nearest:x2}");
                Assert.Equal(Bf16.From(Value(type, nearest) * scales[row]), back[at]);
            }
        }
    }

    [Theory]
    [InlineData(WeightType.Int8, 0x7fc0)]
    [InlineData(WeightType.Float8, 0xff80)]
    public void A_row_that_is_not_finite_is_refused_as_a_whole(WeightType type, int bad)
    {
        var device = gpu.Require();
        const int Columns = 512;
        var weights = Weights(3, Columns);
        weights[Columns + 77] = (ushort)bad;
        using var stream = CudaStream.Create();
        using var quantizer = new WeightQuantizer(device, gpu.Kernels);
        using var source = TestMatrix.Upload<ushort>(weights, stream);
        using var destination = DeviceMemory.Allocate(3 * Columns);
        using var scales = DeviceMemory.Allocate(3 * sizeof(float));
        quantizer.Quantize(stream, source.Address, destination.Address, scales.Address, type, 3, Columns);
        var error = Assert.Throws<InvalidDataException>(() => quantizer.ThrowIfNotFinite(stream, "layers.7.down"));
        Assert.StartsWith("layers.7.down: ", error.Message, StringComparison.Ordinal);
        Assert.Contains("(rows or groups with such values: 1)", error.Message, StringComparison.Ordinal);
        Assert.Equal([false, true, false], CudaCopy.ToHost<float>(scales.Address, 3, stream).Select(float.IsNaN));

        weights[Columns + 77] = 0;
        CudaCopy.ToDevice<ushort>(source.Address, weights, stream);
        quantizer.Quantize(stream, source.Address, destination.Address, scales.Address, type, 3, Columns);
        quantizer.ThrowIfNotFinite(stream, "layers.7.down");
    }

    [Fact]
    public void A_shape_or_type_that_cannot_be_converted_is_refused()
    {
        using var quantizer = new WeightQuantizer(gpu.Require(), gpu.Kernels);
        using var stream = CudaStream.Create();
        Assert.Contains(
            "multiple of 8", Assert.Throws<ArgumentException>(() => quantizer.Quantize(stream, 0, 0, 0, WeightType.Int8, 1, 12)).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "this conversion does not support BFloat16",
            Assert.Throws<ArgumentException>(() => quantizer.Dequantize(stream, 0, 0, 0, WeightType.BFloat16, 1, 8)).Message,
            StringComparison.Ordinal);
    }

    /// <summary>Returns rows of very different magnitudes, including rows of zeros, of subnormal numbers and of equal values.</summary>
    private static ushort[] Weights(int rows, int columns)
    {
        var weights = Bf16.Random(new Random(rows), (long)rows * columns, 1);
        for (var row = 0; row < rows; row++)
        {
            for (var i = 0; i < columns; i++)
            {
                ref var value = ref weights[(row * columns) + i];
                value = (row % 7) switch
                {
                    2 => 0,
                    3 => (ushort)(value & 0x807f),
                    4 => Bf16.From(-0.37),
                    5 => Bf16.From(Bf16.ToFloat(value) * Math.Exp(i % 40 - 30)),
                    6 => Bf16.From(Bf16.ToFloat(value) * 1e30),
                    _ => value,
                };
            }
        }

        return weights;
    }

    /// <summary>Returns the code of the value nearest to v. Ties go to the even code.</summary>
    private static byte Nearest(WeightType type, float v)
    {
        if (type == WeightType.Int8)
        {
            var size = (byte)Math.Min(MathF.Round(Math.Abs(v), MidpointRounding.ToEven), 127);
            return (byte)(size | (BitConverter.SingleToInt32Bits(v) < 0 ? 0x80 : 0));
        }

        return E4M3.From(v);
    }

    private static float Value(WeightType type, byte code) => type == WeightType.Int8 ? TestMatrix.Int8(code) : E4M3.ToFloat(code);

    private (byte[] Codes, float[] Scales, ushort[] Back) RoundTrip(ushort[] weights, WeightType type, int rows, int columns)
    {
        var device = gpu.Require();
        using var stream = CudaStream.Create();
        using var quantizer = new WeightQuantizer(device, gpu.Kernels);
        using var source = TestMatrix.Upload<ushort>(weights, stream);
        using var codes = DeviceMemory.Allocate((long)rows * columns);
        using var scales = DeviceMemory.Allocate((long)rows * sizeof(float));
        using var back = DeviceMemory.Allocate(source.Bytes);
        foreach (var memory in (DeviceMemory[])[codes, scales, back])
        {
            memory.Fill(0xff, stream);
        }

        quantizer.Quantize(stream, source.Address, codes.Address, scales.Address, type, rows, columns);
        quantizer.ThrowIfNotFinite(stream, "test");
        quantizer.Dequantize(stream, codes.Address, scales.Address, back.Address, type, rows, columns);
        return (
            CudaCopy.ToHost<byte>(codes.Address, rows * columns, stream), CudaCopy.ToHost<float>(scales.Address, rows, stream),
            CudaCopy.ToHost<ushort>(back.Address, rows * columns, stream));
    }
}
