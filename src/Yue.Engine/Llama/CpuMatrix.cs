using System.Numerics;
using System.Runtime.InteropServices;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace Yue.Engine.Llama;

/// <summary>Multiplies a matrix by a vector in plain C#, four rows at a time, so that each value of the vector is read once for four
/// products.</summary>
internal static class CpuMatrix
{
    /// <summary>The number of rows that are multiplied by one vector before they are multiplied by the next. It is small, so that the
    /// processor prefetches from main memory without a pause.</summary>
    public const int Tile = 4;

    /// <summary>Computes y = M · x.</summary>
    /// <param name="matrix">[rows, columns].</param>
    /// <param name="x">[columns].</param>
    /// <param name="y">Receives [rows].</param>
    public static void Multiply(ReadOnlySpan<float> matrix, ReadOnlySpan<float> x, Span<float> y)
    {
        var row = 0;
        for (; row + 4 <= y.Length && x.Length % Vector<float>.Count == 0; row += 4)
        {
            var vector = Vectors(x);
            var a = Vectors(matrix.Slice(row * x.Length, x.Length));
            var b = Vectors(matrix.Slice((row + 1) * x.Length, x.Length));
            var c = Vectors(matrix.Slice((row + 2) * x.Length, x.Length));
            var d = Vectors(matrix.Slice((row + 3) * x.Length, x.Length));
            var (sumA, sumB, sumC, sumD) = (Vector<float>.Zero, Vector<float>.Zero, Vector<float>.Zero, Vector<float>.Zero);
            for (var i = 0; i < vector.Length; i++)
            {
                sumA = Vector.FusedMultiplyAdd(a[i], vector[i], sumA);
                sumB = Vector.FusedMultiplyAdd(b[i], vector[i], sumB);
                sumC = Vector.FusedMultiplyAdd(c[i], vector[i], sumC);
                sumD = Vector.FusedMultiplyAdd(d[i], vector[i], sumD);
            }

            (y[row], y[row + 1], y[row + 2], y[row + 3]) = (Vector.Sum(sumA), Vector.Sum(sumB), Vector.Sum(sumC), Vector.Sum(sumD));
        }

        for (; row < y.Length; row++)
        {
            y[row] = TensorPrimitives.Dot(matrix.Slice(row * x.Length, x.Length), x);
        }
    }

    /// <summary>Computes y += x · M.</summary>
    /// <param name="x">[rows].</param>
    /// <param name="matrix">[rows, columns].</param>
    /// <param name="y">[columns].</param>
    public static void AddProduct(ReadOnlySpan<float> x, ReadOnlySpan<float> matrix, Span<float> y)
    {
        var row = 0;
        for (; row + 4 <= x.Length && y.Length % Vector<float>.Count == 0; row += 4)
        {
            var sums = MemoryMarshal.Cast<float, Vector<float>>(y);
            var a = Vectors(matrix.Slice(row * y.Length, y.Length));
            var b = Vectors(matrix.Slice((row + 1) * y.Length, y.Length));
            var c = Vectors(matrix.Slice((row + 2) * y.Length, y.Length));
            var d = Vectors(matrix.Slice((row + 3) * y.Length, y.Length));
            var (xA, xB, xC, xD) = (Vector.Create(x[row]), Vector.Create(x[row + 1]), Vector.Create(x[row + 2]), Vector.Create(x[row + 3]));
            for (var i = 0; i < sums.Length; i++)
            {
                var sum = Vector.FusedMultiplyAdd(b[i], xB, Vector.FusedMultiplyAdd(a[i], xA, sums[i]));
                sums[i] = Vector.FusedMultiplyAdd(d[i], xD, Vector.FusedMultiplyAdd(c[i], xC, sum));
            }
        }

        for (; row < x.Length; row++)
        {
            TensorPrimitives.MultiplyAdd(matrix.Slice(row * y.Length, y.Length), x[row], y, y);
        }
    }

    private static ReadOnlySpan<Vector<float>> Vectors(ReadOnlySpan<float> values) => MemoryMarshal.Cast<float, Vector<float>>(values);
}
