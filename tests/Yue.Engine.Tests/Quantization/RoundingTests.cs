using Xunit;
using Yue.Cuda.Decode;
using Yue.Engine.Quantization;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.Quantization;

public sealed class RoundingTests
{
    [Theory]
    [InlineData(WeightType.Int4, 1, 0.10)]
    [InlineData(WeightType.Int6, 1, 0.022)]
    [InlineData(WeightType.Int4, 2, 0.01)]
    [InlineData(WeightType.Int6, 2, 0.0015)]
    public void Stored_rows_are_the_rounded_weights(WeightType type, int terms, double tolerance)
    {
        const int Rows = 40, Columns = 300;
        using var scope = NewDisposeScope();
        using var generator = new Generator(3);
        var matrix = randn([Rows, Columns], generator: generator) * 0.02f;
        matrix[7].zero_();
        using var rounded = PlainRounding.Round(matrix, type, terms);
        Assert.Equal(Unpack(rounded.Pack(), type, Rows, 320, terms)[.., ..Columns], rounded.Values, new TensorComparer());
        Assert.InRange(ErrorOf(rounded.Values, matrix), 0, tolerance);
        Assert.Equal(0, rounded.Values[7].abs().max().item<float>());
    }

    [Theory]
    [InlineData(WeightType.Int4)]
    [InlineData(WeightType.Int6)]
    public void Calibrated_rounding_changes_products_less_than_plain_rounding(WeightType type)
    {
        const int Rows = 64, Columns = 200, Inputs = 1_000;
        using var scope = NewDisposeScope();
        using var generator = new Generator(3);
        var matrix = randn([Rows, Columns], generator: generator) * 0.02f;
        var mixing = randn([40, Columns], generator: generator);
        var inputs = randn([Inputs, 40], generator: generator).matmul(mixing) + (randn([Inputs, Columns], generator: generator) * 0.3f);
        using var plain = PlainRounding.Round(matrix, type, 1);
        using var calibrated = CalibratedRounding.Round(matrix, inputs.t().matmul(inputs), type);
        Assert.Equal(Unpack(calibrated.Pack(), type, Rows, 224, 1)[.., ..Columns], calibrated.Values, new TensorComparer());
        var exact = inputs.matmul(matrix.t());
        var (before, after) = (
            ErrorOf(inputs.matmul(plain.Values.t()), exact), ErrorOf(inputs.matmul(calibrated.Values.t()), exact));
        Assert.True(after < 0.6 * before, $"{after:P2} calibrated, {before:P2} plain");
    }

    [Fact]
    public void Zero_inputs_give_plain_rounding_and_NaN_inputs_are_refused()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(3);
        var matrix = randn([8, 64], generator: generator);
        using var plain = PlainRounding.Round(matrix, WeightType.Int4, 1);
        using var calibrated = CalibratedRounding.Round(matrix, zeros(64, 64), WeightType.Int4);
        Assert.Equal(plain.Values, calibrated.Values, new TensorComparer());
        var bad = Assert.Throws<InvalidDataException>(() => CalibratedRounding.Round(matrix, full([64, 64], float.NaN), WeightType.Int4));
        Assert.Contains("not finite", bad.Message, StringComparison.Ordinal);
    }

    internal static double ErrorOf(Tensor found, Tensor exact) =>
        Math.Sqrt((found - exact).pow(2).mean().item<float>() / exact.@var().item<float>());

    private static Tensor Unpack(byte[] packed, WeightType type, int rows, int columns, int terms)
    {
        var rowBytes = packed.Length / rows / terms;
        var sum = zeros(rows, columns);
        for (var i = 0; i < rows * terms; i++)
        {
            var row = new float[columns];
            GroupedWeights.Unpack(type, packed.AsSpan(i * rowBytes, rowBytes), row);
            sum[i / terms] += tensor(row);
        }

        return sum;
    }

    private sealed class TensorComparer : IEqualityComparer<Tensor>
    {
        public bool Equals(Tensor? x, Tensor? y) => x!.shape.SequenceEqual(y!.shape) && x.equal(y).all().item<bool>();

        public int GetHashCode(Tensor obj) => 0;
    }
}
