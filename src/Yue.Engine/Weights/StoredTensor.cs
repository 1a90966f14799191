using static TorchSharp.torch;

namespace Yue.Engine.Weights;

/// <summary>The dtype, shape and position of a tensor in a checkpoint file, without its values.</summary>
/// <remarks>The code that creates it has checked that every element is inside the file.</remarks>
public sealed class StoredTensor
{
    internal StoredTensor(CheckpointFile file, ScalarType dtype, long[] shape, long[] strides, long byteOffset)
    {
        Source = file;
        Dtype = dtype;
        Shape = shape;
        Strides = strides;
        ByteOffset = byteOffset;
    }

    /// <summary>The path of the file that contains the values.</summary>
    public string File => Source.Path;

    /// <summary>The dtype in the file.</summary>
    public ScalarType Dtype { get; }

    /// <summary>The shape in the file.</summary>
    public IReadOnlyList<long> Shape { get; }

    internal CheckpointFile Source { get; }

    /// <summary>The distance between neighbors along each dimension, in elements.</summary>
    internal long[] Strides { get; }

    /// <summary>The position of element [0, 0, ...] in the file, in bytes.</summary>
    internal long ByteOffset { get; }

    /// <summary>Returns the strides of a tensor without gaps, with the last dimension fastest.</summary>
    internal static long[] RowMajor(ReadOnlySpan<long> shape)
    {
        var strides = new long[shape.Length];
        long step = 1;
        for (var i = shape.Length - 1; i >= 0; i--)
        {
            strides[i] = step;
            step *= Math.Max(shape[i], 1);
        }

        return strides;
    }
}
