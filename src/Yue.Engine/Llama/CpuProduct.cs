using System.Runtime.InteropServices;
using Yue.Engine.Weights;

namespace Yue.Engine.Llama;

/// <summary>Computes x · Wᵀ for the few vectors x of a step, in plain C#. Each row of W is read from memory once for all x.</summary>
internal static class CpuProduct
{
    /// <summary>Multiplies by all rows of W.</summary>
    /// <param name="matrix">W, [rows, columns], F32 on the CPU.</param>
    /// <param name="x">[count, columns].</param>
    /// <param name="y">Receives [count, rows].</param>
    /// <param name="count">The number of vectors x.</param>
    public static void Multiply(WeightMatrix matrix, float[] x, float[] y, int count)
    {
        var rows = (int)matrix.Values.shape[0];
        Multiply(matrix, 0..rows, x, y, rows, count);
    }

    /// <summary>Multiplies by a range of rows of W.</summary>
    /// <param name="matrix">W, [rows, columns], F32 on the CPU.</param>
    /// <param name="rows">The rows.</param>
    /// <param name="x">[count, columns].</param>
    /// <param name="y">Receives the products; those of vector i begin at index i · stride.</param>
    /// <param name="stride">At least the number of rows.</param>
    /// <param name="count">The number of vectors x.</param>
    public static void Multiply(WeightMatrix matrix, Range rows, float[] x, ArraySegment<float> y, int stride, int count)
    {
        var columns = (int)matrix.Values.shape[1];
        var (first, length) = rows.GetOffsetAndLength((int)matrix.Values.shape[0]);
        CpuWork.Share(length, (long)length * columns * count, (from, to) =>
        {
            var weights = MemoryMarshal.Cast<byte, float>(matrix.Values.bytes);
            for (var row = from; row < to; row += CpuMatrix.Tile)
            {
                var tile = Math.Min(CpuMatrix.Tile, to - row);
                for (var i = 0; i < count; i++)
                {
                    CpuMatrix.Multiply(
                        weights.Slice((first + row) * columns, tile * columns), x.AsSpan(i * columns, columns),
                        y.AsSpan((i * stride) + row, tile));
                }
            }
        });
    }
}
