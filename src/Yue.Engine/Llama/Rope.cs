using System.Runtime.InteropServices;
using Yue.Cuda.Decode;
using Yue.Engine.Tensors;
using Yue.Engine.Weights;
using static TorchSharp.torch;

namespace Yue.Engine.Llama;

/// <summary>Rotary position embedding in the rotate-half layout: element j pairs with j + D/2 (docs/model.md 2.2).</summary>
public sealed class Rope : IDisposable
{
    private readonly Tensor _cos;
    private readonly Tensor _sin;

    /// <summary>Creates the tables for positions 0 to <paramref name="context"/> − 1: angle = position · theta^(−2j/D).</summary>
    public Rope(int headSize, double theta, int context, Device device)
    {
        using var scope = NewDisposeScope();
        var table = tensor(RopeTable.Of(theta, headSize, context), device: device).view(context, headSize / 2, 2);
        (_cos, _sin) = (table.select(2, 0).contiguous(), table.select(2, 1).contiguous());
        _cos.DetachFromDisposeScope();
        _sin.DetachFromDisposeScope();
    }

    /// <summary>The addresses of the cosines and sines of all positions, [context, D/2] each, F32.</summary>
    internal (nint Cos, nint Sin) Addresses => (_cos.Address(), _sin.Address());

    /// <summary>Returns the table rows of the given positions.</summary>
    /// <param name="positions">[B, T], int64.</param>
    /// <returns>cos and sin, [B, 1, T, D/2] each, F32; the caller disposes them.</returns>
    public (Tensor Cos, Tensor Sin) At(Tensor positions)
    {
        var (B, T) = Shape.Dims2(positions);
        using var scope = NewDisposeScope();
        var flat = positions.flatten();
        return (
            _cos.index_select(0, flat).view(B, 1, T, -1).MoveToOuterDisposeScope(),
            _sin.index_select(0, flat).view(B, 1, T, -1).MoveToOuterDisposeScope());
    }

    /// <summary>Rotates query or key heads by absolute position.</summary>
    /// <param name="x">[B, H, T, D], F32 or BF16.</param>
    /// <param name="cos">[B, 1, T, D/2], F32, from <see cref="At"/>.</param>
    /// <param name="sin">[B, 1, T, D/2], F32, from <see cref="At"/>.</param>
    /// <returns>[B, H, T, D] in the dtype of <paramref name="x"/>; the caller disposes it.</returns>
    /// <remarks>Computed in F32 and rounded once. The reference casts cos and sin to x's dtype first, so BF16 goldens
    /// match within a tolerance, not bit for bit.</remarks>
    public static Tensor Apply(Tensor x, Tensor cos, Tensor sin)
    {
        var (B, _, T, D) = Shape.Dims4(x);
        Shape.Expect(cos, [B, 1, T, D / 2]);
        Shape.Expect(sin, [B, 1, T, D / 2]);
        using var scope = NewDisposeScope();
        var halves = x.to(ScalarType.Float32).chunk(2, dim: -1);
        var (lo, hi) = (halves[0], halves[1]);                          // [B, H, T, D/2] each
        var rotated = cat([(lo * cos) - (hi * sin), (hi * cos).Plus(lo * sin)], dim: -1);
        return rotated.to(x.dtype).MoveToOuterDisposeScope();           // [B, H, T, D]
    }

    /// <summary>Rotates the heads of one position on the CPU, in place.</summary>
    /// <param name="heads">[heads, D].</param>
    /// <param name="position">The position.</param>
    public void Apply(Span<float> heads, int position)
    {
        var half = (int)_cos.shape[1];
        var cos = MemoryMarshal.Cast<byte, float>(_cos.bytes).Slice(position * half, half);
        var sin = MemoryMarshal.Cast<byte, float>(_sin.bytes).Slice(position * half, half);
        for (; !heads.IsEmpty; heads = heads[(2 * half)..])
        {
            for (var j = 0; j < half; j++)
            {
                var (lo, hi) = (heads[j], heads[half + j]);
                heads[j] = (lo * cos[j]) - (hi * sin[j]);
                heads[half + j] = (hi * cos[j]) + (lo * sin[j]);
            }
        }
    }

    public void Dispose()
    {
        _cos.Dispose();
        _sin.Dispose();
    }
}
