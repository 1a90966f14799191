using Yue.Cuda.Decode;
using Yue.Engine.Tensors;
using Yue.Engine.Weights;
using static TorchSharp.torch;

namespace Yue.Engine.Quantization;

/// <summary>Rounds each weight independently, without regard to the inputs of the matrix.</summary>
internal static class PlainRounding
{
    private const long ChunkValues = 4 << 20;

    /// <summary>Rounds a matrix.</summary>
    /// <param name="matrix">[R, columns], F32.</param>
    /// <param name="type">Int4 or int6.</param>
    /// <param name="terms">The number of stored rows per row of the matrix; each further one contains the rounding error of the ones before
    /// it.</param>
    public static RoundedMatrix Round(Tensor matrix, WeightType type, int terms)
    {
        const int Size = GroupedWeights.GroupSize;
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var (R, columns) = Shape.Dims2(matrix);
        var C = GroupedReader.PaddedColumns(columns);
        var rounding = new GroupRounding(type);
        var codes = empty([terms, R, C], ScalarType.Byte, matrix.device);
        var scales = empty([terms, R, C / Size], device: matrix.device);
        var zeros = empty([terms, R, C / Size], device: matrix.device);
        var values = zeros_like(matrix);
        var importance = ones([Size, 1], device: matrix.device);
        for (long first = 0, count; first < R; first += count)
        {
            using var chunk = NewDisposeScope();
            count = Math.Min(R - first, Math.Max(1, ChunkValues / C));
            var rest = zeros_like(codes.narrow(1, 0, count).select(0, 0), dtype: ScalarType.Float32);      // [count, C]
            rest.narrow(1, 0, columns).copy_(matrix.narrow(0, first, count));
            for (var term = 0; term < terms; term++)
            {
                var groups = rest.view(-1, Size).t();                                                       // [32, count · C/32]
                var (scale, zero) = rounding.Choose(groups, importance);
                var code = rounding.Codes(groups, scale, zero);
                var weights = rounding.Weights(code, scale, zero).t().reshape(count, C);
                codes.select(0, term).narrow(0, first, count).copy_(code.t().reshape(count, C));
                scales.select(0, term).narrow(0, first, count).copy_(scale.view(count, -1));
                zeros.select(0, term).narrow(0, first, count).copy_(zero.view(count, -1));
                values.narrow(0, first, count).add_(weights.narrow(1, 0, columns), Scalars.One);
                rest = rest - weights;
            }
        }

        return new RoundedMatrix(
            type, codes.DetachFromDisposeScope(), scales.DetachFromDisposeScope(), zeros.DetachFromDisposeScope(),
            values.DetachFromDisposeScope());
    }
}
