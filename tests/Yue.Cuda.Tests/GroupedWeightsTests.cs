using Xunit;
using Yue.Cuda.Decode;

namespace Yue.Cuda.Tests;

public sealed class GroupedWeightsTests
{
    [Theory]
    [InlineData(WeightType.Int4, 32, 144)]
    [InlineData(WeightType.Int4, 256, 144)]
    [InlineData(WeightType.Int4, 11008, 43 * 144)]
    [InlineData(WeightType.Int6, 384, 2 * 208)]
    public void A_packed_row_unpacks_to_the_weights_of_its_codes(WeightType type, int columns, int bytes)
    {
        var random = new Random(columns);
        var codes = new byte[columns];
        var scales = new ushort[columns / GroupedWeights.GroupSize];
        random.NextBytes(codes);
        for (var i = 0; i < codes.Length; i++)
        {
            codes[i] %= (byte)GroupedWeights.Levels(type);
        }

        for (var i = 0; i < scales.Length; i++)
        {
            scales[i] = GroupedWeights.ScaleOf(type, (float)Math.Exp(random.NextDouble() * 20 - 15), random.Next(16));
        }

        var row = new byte[GroupedWeights.RowBytes(type, columns)];
        GroupedWeights.Pack(type, codes, scales, row);
        var weights = new float[columns];
        GroupedWeights.Unpack(type, row, weights);
        Assert.Equal(bytes, row.Length);
        for (var i = 0; i < columns; i++)
        {
            var (scale, zero) = GroupedWeights.ValuesOf(type, scales[i / GroupedWeights.GroupSize]);
            Assert.Equal(Bf16.ToFloat(Bf16.From((codes[i] - zero) * scale)), weights[i]);
            Assert.True(type == WeightType.Int6 || weights[i] == (codes[i] - zero) * scale, "an int4 weight is exact in bf16");
        }
    }

    [Fact]
    public void A_scale_keeps_its_significant_bits_and_its_zero_point()
    {
        Assert.Equal((0.0146484375f, 5), GroupedWeights.ValuesOf(WeightType.Int4, GroupedWeights.ScaleOf(WeightType.Int4, 0.0151f, 5)));
        Assert.Equal((0.015625f, 15), GroupedWeights.ValuesOf(WeightType.Int4, GroupedWeights.ScaleOf(WeightType.Int4, 0.0154f, 15)));
        Assert.Equal(
            (0.01507568359375f, 32), GroupedWeights.ValuesOf(WeightType.Int6, GroupedWeights.ScaleOf(WeightType.Int6, 0.0151f, 0)));
    }

    [Fact]
    public void Wrong_sizes_and_types_are_refused()
    {
        var error = Assert.Throws<ArgumentException>(
            () => GroupedWeights.Pack(WeightType.Int4, new byte[64], new ushort[1], new byte[144]));
        Assert.Contains("columns: 64, groups: 1, bytes: 144;", error.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => GroupedWeights.RowBytes(WeightType.Int8, 256));
    }
}
