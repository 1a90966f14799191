using Yue.Cuda.Decode;
using static TorchSharp.torch;

namespace Yue.Engine.Quantization;

/// <summary>A matrix that was rounded to the codes of int4 or int6. Owns its tensors.</summary>
/// <param name="Type">Int4 or int6.</param>
/// <param name="Codes">[terms, R, C], uint8; C is a multiple of 32.</param>
/// <param name="Scales">[terms, R, C/32], F32.</param>
/// <param name="Zeros">[terms, R, C/32], F32.</param>
/// <param name="Values">[R, columns], F32: the weights that the codes represent.</param>
internal sealed record RoundedMatrix(WeightType Type, Tensor Codes, Tensor Scales, Tensor Zeros, Tensor Values) : IDisposable
{
    /// <summary>Returns the stored rows. The terms of each row follow one another.</summary>
    public byte[] Pack()
    {
        using var scope = NewDisposeScope();
        var (terms, rows, columns) = Tensors.Shape.Dims3(Codes);
        var groups = (int)columns / GroupedWeights.GroupSize;
        var codes = Codes.cpu().contiguous().bytes.ToArray();
        var (scales, zeros) = (Scales.cpu().contiguous().data<float>().ToArray(), Zeros.cpu().contiguous().data<float>().ToArray());
        var rowBytes = (int)GroupedWeights.RowBytes(Type, columns);
        var packed = new byte[rows * terms * rowBytes];
        Parallel.For(0, (int)(rows * terms), i =>
        {
            var (row, term) = Math.DivRem(i, (int)terms);
            var from = (term * (int)rows) + row;
            var stored = new ushort[groups];
            for (var group = 0; group < groups; group++)
            {
                stored[group] = GroupedWeights.ScaleOf(Type, scales[(from * groups) + group], (int)zeros[(from * groups) + group]);
            }

            GroupedWeights.Pack(
                Type, codes.AsSpan(from * (int)columns, (int)columns), stored, packed.AsSpan(i * rowBytes, rowBytes));
        });
        return packed;
    }

    public void Dispose()
    {
        Codes.Dispose();
        Scales.Dispose();
        Zeros.Dispose();
        Values.Dispose();
    }
}
