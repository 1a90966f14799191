using Yue.Cuda.Decode;
using Yue.Engine.Tensors;
using Yue.Engine.Weights;
using static TorchSharp.torch;

namespace Yue.Engine.Quantization;

/// <summary>Rounds a matrix column by column, and adds each column's error to the following columns so that the products with typical
/// inputs change as little as possible (GPTQ, docs/quantization.md).</summary>
internal static class CalibratedRounding
{
    /// <summary>The amount that is added to a Hessian's diagonal, as a fraction of the diagonal's mean.</summary>
    private const double Damping = 0.01;

    /// <summary>The number of columns after which the errors are added to all following columns.</summary>
    private const int Block = 4 * GroupedWeights.GroupSize;

    /// <summary>Rounds a matrix.</summary>
    /// <param name="matrix">[R, columns], F32.</param>
    /// <param name="hessian">[columns, columns], F32: the sum of x · xᵀ over the inputs x, or a multiple of it.</param>
    /// <param name="type">Int4 or int6.</param>
    /// <exception cref="InvalidDataException">The Hessian has values that are not finite.</exception>
    public static RoundedMatrix Round(Tensor matrix, Tensor hessian, WeightType type)
    {
        const int Size = GroupedWeights.GroupSize;
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var (R, columns) = Shape.Dims2(matrix);
        var C = GroupedReader.PaddedColumns(columns);
        var upper = InverseFactor(hessian, C);                          // [C, C]
        var inverse = upper.diagonal().reciprocal();                    // [C]
        var importance = (inverse * inverse).unsqueeze(1);              // [C, 1]
        var rounding = new GroupRounding(type);
        var rest = zeros([C, R], device: matrix.device);                // the weights, with the errors so far; finally, the rounded weights
        rest.narrow(0, 0, columns).copy_(matrix.t());
        var codes = empty([C, R], ScalarType.Byte, matrix.device);
        var (scales, zeroPoints) = (empty([C / Size, R], device: matrix.device), empty([C / Size, R], device: matrix.device));
        for (long first = 0, count; first < C; first += count)
        {
            using var blockScope = NewDisposeScope();
            count = Math.Min(Block, C - first);
            var errors = empty([count, R], device: matrix.device);
            for (var i = first; i < first + count; i++)
            {
                using var columnScope = NewDisposeScope();
                if (i % Size == 0)
                {
                    var (chosen, point) = rounding.Choose(rest.narrow(0, i, Size), importance.narrow(0, i, Size));
                    scales.select(0, i / Size).copy_(chosen);
                    zeroPoints.select(0, i / Size).copy_(point);
                }

                var (column, scale, zero) = (rest.select(0, i), scales.select(0, i / Size), zeroPoints.select(0, i / Size));
                var code = rounding.Codes(column, scale, zero);
                var value = rounding.Weights(code, scale, zero);
                var error = (column - value).mul_(inverse.select(0, i));
                codes.select(0, i).copy_(code);
                column.copy_(value);
                errors.select(0, i - first).copy_(error);
                var (next, following) = (i + 1, first + count - i - 1);
                rest.narrow(0, next, following).addmm_(
                    upper.select(0, i).narrow(0, next, following).unsqueeze(1), error.unsqueeze(0), beta: 1, alpha: -1);
            }

            var (after, others) = (first + count, C - first - count);
            rest.narrow(0, after, others).addmm_(upper.narrow(0, first, count).narrow(1, after, others).t(), errors, beta: 1, alpha: -1);
        }

        return new RoundedMatrix(
            type,
            codes.t().contiguous().unsqueeze(0).DetachFromDisposeScope(),
            scales.t().contiguous().unsqueeze(0).DetachFromDisposeScope(),
            zeroPoints.t().contiguous().unsqueeze(0).DetachFromDisposeScope(),
            rest.narrow(0, 0, columns).t().contiguous().DetachFromDisposeScope());
    }

    /// <summary>Returns the upper triangular U with Uᵀ · U = (H / m + damping)⁻¹, where m is the mean of H's diagonal. The padding has ones
    /// on its diagonal.</summary>
    private static Tensor InverseFactor(Tensor hessian, long size)
    {
        using var scope = NewDisposeScope();
        var columns = hessian.shape[0];
        var mean = hessian.diagonal().mean();
        if (!mean.isfinite().item<bool>())
        {
            throw new InvalidDataException("the inputs of a matrix have values that are not finite; the checkpoint may be damaged");
        }

        var damped = eye(size, device: hessian.device);
        var inputs = damped.narrow(0, 0, columns).narrow(1, 0, columns);

        // If all inputs are zero, the result is the identity matrix. The damping grows until the sum is positive definite despite rounding.
        for (var damping = Damping; mean.item<float>() > 0; damping *= 10)
        {
            inputs.copy_(hessian / mean);
            inputs.diagonal().add_(Scalars.Of(damping), Scalars.One);
            var (factor, info) = linalg.cholesky_ex(damped);
            if (info.item<int>() == 0)
            {
                return linalg.cholesky(cholesky_inverse(factor)).t().contiguous().MoveToOuterDisposeScope();
            }
        }

        return damped.MoveToOuterDisposeScope();
    }
}
