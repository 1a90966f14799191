using System.Collections.Concurrent;
using TorchSharp;
using static TorchSharp.torch;

namespace Yue.Engine.Tensors;

/// <summary>Numbers for TorchSharp calls that live as long as the process.</summary>
/// <remarks>
/// TorchSharp hands a call the native pointer of a <see cref="Scalar"/> and lets go of the object, so the garbage
/// collector may finalise it, and free what the pointer points to, while the call runs ("Unknown scalar type", seen
/// after some ten thousand steps). A number converted on the spot, and the hidden one in <c>a + b</c>, can die like
/// that; one that is kept here cannot. BannedSymbols.txt makes the compiler refuse the others.
/// </remarks>
internal static class Scalars
{
    private static readonly ConcurrentDictionary<double, Scalar> Kept = new();

    /// <summary>An integer, as sums of integer tensors need; floating-point ones take it too.</summary>
    public static Scalar One { get; } = 1.ToScalar();

    public static Scalar NegativeInfinity { get; } = Of(double.NegativeInfinity);

    /// <summary>The scalar of a number out of a small set: each one is kept.</summary>
    public static Scalar Of(double value) => Kept.GetOrAdd(value, number => number.ToScalar());

    /// <summary>a + b.</summary>
    public static Tensor Plus(this Tensor left, Tensor right) => left.add(right, One);
}
