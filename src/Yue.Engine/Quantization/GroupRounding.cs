using Yue.Cuda.Decode;
using Yue.Engine.Tensors;
using static TorchSharp.torch;

namespace Yue.Engine.Quantization;

/// <summary>Rounds groups of weights to the codes of int4 or int6: a code is round(w / scale) + zero point, and represents
/// (code − zero point) · scale in BF16.</summary>
/// <param name="type">Int4 or int6.</param>
internal sealed class GroupRounding(WeightType type)
{
    /// <summary>The smallest scale. A group whose weights are small compared with this scale becomes all zeros.</summary>
    private const double MinScale = 8.2718061e-25;        // 2^-80

    /// <summary>w·(2^20 + 1) − (w·(2^20 + 1) − w) keeps four significant bits of a float32 number.</summary>
    private const double FourBits = (1 << 20) + 1;

    private const int Int6Zero = 32;

    /// <summary>The fractions of a group's range that are tried. A smaller fraction clips the largest weights and is finer for the
    /// others.</summary>
    private static readonly double[] Int4Parts = [1.07, 1, 0.93, 0.86, 0.79, 0.72, 0.65];

    private static readonly double[] Int6Parts = [1, 0.97, 0.94, 0.91, 0.88, 0.85, 0.82];

    private readonly double _maxCode = GroupedWeights.Levels(type) - 1;
    private readonly int[] _zeroOffsets = type == WeightType.Int4 ? [0, -1, 1] : [0];

    /// <summary>Returns the scales and zero points with the smallest weighted sum of squared errors.</summary>
    /// <param name="group">[32, R], F32: the weights of one group of each row.</param>
    /// <param name="importance">[32, 1], F32: the weight of each column's squared error.</param>
    /// <returns>[R] each, F32; the caller disposes them.</returns>
    public (Tensor Scale, Tensor Zero) Choose(Tensor group, Tensor importance)
    {
        using var scope = NewDisposeScope();
        var low = group.amin([0]).clamp_max(Scalars.Of(0));
        var high = group.amax([0]).clamp_min(Scalars.Of(0));
        var exact = (type == WeightType.Int4 ? (high - low).mul_(Scalars.Of(1 / 15.0)) : maximum(-low, high).mul_(Scalars.Of(1 / 31.0)))
            .clamp_min_(Scalars.Of(MinScale));
        var (least, scale, zero) = (full_like(low, Scalars.Of(float.PositiveInfinity)), zeros_like(low), zeros_like(low));
        foreach (var part in type == WeightType.Int4 ? Int4Parts : Int6Parts)
        {
            var candidate = Storable(exact.mul(Scalars.Of(part)));
            foreach (var offset in _zeroOffsets)
            {
                using var step = NewDisposeScope();
                var point = type == WeightType.Int4
                    ? (-low * Scalars.Of(part) / candidate).round_()
                        .add_(Scalars.Of(offset), Scalars.One).clamp_(Scalars.Of(0), Scalars.Of(15))
                    : full_like(low, Scalars.Of(Int6Zero));
                var error = Weights(Codes(group, candidate, point), candidate, point).sub_(group);
                var sum = error.mul_(error).mul_(importance).sum(0);
                var better = sum.lt(least);
                least.copy_(where(better, sum, least));
                scale.copy_(where(better, candidate, scale));
                zero.copy_(where(better, point, zero));
            }
        }

        return (scale.MoveToOuterDisposeScope(), zero.MoveToOuterDisposeScope());
    }

    /// <summary>Returns the codes of weights, as F32; the caller disposes them.</summary>
    public Tensor Codes(Tensor weights, Tensor scale, Tensor zero) =>
        (weights / scale).round_().add_(zero, Scalars.One).clamp_(Scalars.Of(0), Scalars.Of(_maxCode));

    /// <summary>Returns the weights that codes represent, as F32; the caller disposes them.</summary>
    public Tensor Weights(Tensor codes, Tensor scale, Tensor zero)
    {
        using var scope = NewDisposeScope();
        var weights = (codes - zero).mul_(scale);

        // An int4 weight is exact in BF16.
        return (type == WeightType.Int4 ? weights : weights.to(ScalarType.BFloat16).to(ScalarType.Float32)).MoveToOuterDisposeScope();
    }

    /// <summary>Rounds scales to those that can be stored.</summary>
    private Tensor Storable(Tensor scale)
    {
        using var scope = NewDisposeScope();
        if (type == WeightType.Int6)
        {
            return scale.to(ScalarType.BFloat16).to(ScalarType.Float32).MoveToOuterDisposeScope();
        }

        var large = scale.mul(Scalars.Of(FourBits));
        return (large - (large - scale)).MoveToOuterDisposeScope();
    }
}
