using static TorchSharp.torch;

namespace Yue.Engine.Weights;

/// <summary>One tensor of a checkpoint as it lies in its file; it holds no values.</summary>
/// <remarks>Whoever makes one has checked that every element lies inside the file.</remarks>
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

    /// <summary>The path of the file that the values are in.</summary>
    public string File => Source.Path;

    /// <summary>The dtype in the file.</summary>
    public ScalarType Dtype { get; }

    /// <summary>The shape in the file.</summary>
    public IReadOnlyList<long> Shape { get; }

    internal CheckpointFile Source { get; }

    /// <summary>Elements between neighbours along each dimension.</summary>
    internal long[] Strides { get; }

    /// <summary>Where element [0, 0, ...] lies in the file.</summary>
    internal long ByteOffset { get; }

    /// <summary>The strides of a tensor without gaps, last dimension fastest.</summary>
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
