using System.Collections.Concurrent;
using TorchSharp;
using static TorchSharp.torch;

namespace Yue.Engine.Tensors;

/// <summary>Scalars that live as long as the process, for TorchSharp calls.</summary>
/// <remarks>
/// TorchSharp passes the native pointer of a <see cref="Scalar"/> to a call and drops the object. The garbage collector may then
/// finalize it and free the native memory while the call is running ("Unknown scalar type", seen after about ten thousand steps). This can
/// happen to a scalar that is converted from a number in the call itself, and to the hidden scalar in <c>a + b</c>, but not to a scalar
/// that is kept here. BannedSymbols.txt makes the compiler reject the others.
/// </remarks>
internal static class Scalars
{
    private static readonly ConcurrentDictionary<double, Scalar> Kept = new();

    /// <summary>The integer 1. Sums of integer tensors need an integer, and floating-point tensors accept it too.</summary>
    public static Scalar One { get; } = 1.ToScalar();

    public static Scalar NegativeInfinity { get; } = Of(double.NegativeInfinity);

    /// <summary>Returns the scalar for a number. Every scalar is kept, so the numbers must come from a small set.</summary>
    public static Scalar Of(double value) => Kept.GetOrAdd(value, number => number.ToScalar());

    /// <summary>Returns a + b.</summary>
    public static Tensor Plus(this Tensor left, Tensor right) => left.add(right, One);
}
