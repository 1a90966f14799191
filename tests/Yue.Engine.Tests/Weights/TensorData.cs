using System.Runtime.InteropServices;
using Yue.Engine.Weights;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.Weights;

/// <summary>A tensor to be written to a checkpoint: row-major, little-endian bytes.</summary>
/// <param name="Name">Its name in the checkpoint.</param>
/// <param name="Dtype">One of the dtypes that checkpoints support.</param>
/// <param name="Shape">Its shape.</param>
/// <param name="Bytes">The values, with the number of bytes that the shape and the dtype require.</param>
public sealed record TensorData(string Name, ScalarType Dtype, IReadOnlyList<long> Shape, ReadOnlyMemory<byte> Bytes)
{
    /// <summary>Returns a copy of a tensor's values.</summary>
    public static TensorData From(string name, Tensor tensor)
    {
        using var scope = NewDisposeScope();
        return new TensorData(name, tensor.dtype, tensor.shape, tensor.detach().cpu().contiguous().bytes.ToArray());
    }

    /// <summary>Returns values in F32.</summary>
    public static TensorData FromFloats(string name, IReadOnlyList<long> shape, ReadOnlySpan<float> values) =>
        new(name, ScalarType.Float32, shape, MemoryMarshal.AsBytes(values).ToArray());

    /// <summary>Returns values rounded to the nearest BF16 value, with ties to even. The values must be finite.</summary>
    public static TensorData RoundedToBFloat16(string name, IReadOnlyList<long> shape, ReadOnlySpan<float> values)
    {
        var rounded = new ushort[values.Length];
        for (var i = 0; i < rounded.Length; i++)
        {
            var bits = BitConverter.SingleToUInt32Bits(values[i]);
            rounded[i] = (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
        }

        return new TensorData(name, ScalarType.BFloat16, shape, MemoryMarshal.AsBytes<ushort>(rounded).ToArray());
    }

    /// <summary>Returns the number of values. Throws if the number of bytes does not match the shape and the dtype.</summary>
    internal long CheckedCount()
    {
        var count = TensorDtype.CountOf(Shape.ToArray());
        return count is { } values && values == Bytes.Length / TensorDtype.SizeOf(Dtype) && Bytes.Length % TensorDtype.SizeOf(Dtype) == 0
            ? values
            : throw new ArgumentException(
                $"tensor {Name} of shape {Yue.Engine.Tensors.Shape.Text(Shape.ToArray())} and dtype {Dtype} has {Bytes.Length} bytes");
    }
}
