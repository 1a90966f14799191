using static TorchSharp.torch;

namespace Yue.Engine.Weights;

/// <summary>The dtypes that checkpoints may contain, with their safetensors names, PyTorch storage names and sizes.</summary>
internal static class TensorDtype
{
    private static readonly (ScalarType Dtype, string Safetensors, string Storage, int Bytes)[] Table =
    [
        (ScalarType.Float32, "F32", "FloatStorage", 4),
        (ScalarType.Float16, "F16", "HalfStorage", 2),
        (ScalarType.BFloat16, "BF16", "BFloat16Storage", 2),
        (ScalarType.Float64, "F64", "DoubleStorage", 8),
        (ScalarType.Int64, "I64", "LongStorage", 8),
        (ScalarType.Int32, "I32", "IntStorage", 4),
        (ScalarType.Int16, "I16", "ShortStorage", 2),
        (ScalarType.Int8, "I8", "CharStorage", 1),
        (ScalarType.Byte, "U8", "ByteStorage", 1),
        (ScalarType.Bool, "BOOL", "BoolStorage", 1),
    ];

    /// <summary>All safetensors names, for messages: <c>F32, F16, ...</c>.</summary>
    public static string SafetensorsNames { get; } = string.Join(", ", Table.Select(row => row.Safetensors));

    /// <summary>Returns the dtype for a safetensors name, or null.</summary>
    public static ScalarType? FromSafetensors(string? name) => Find(row => row.Safetensors == name)?.Dtype;

    /// <summary>Returns the dtype for a PyTorch storage class such as <c>FloatStorage</c>, or null.</summary>
    public static ScalarType? FromStorage(string name) => Find(row => row.Storage == name)?.Dtype;

    public static string SafetensorsName(ScalarType dtype) => Row(dtype).Safetensors;

    /// <summary>Returns the size of one element in bytes.</summary>
    public static int SizeOf(ScalarType dtype) => Row(dtype).Bytes;

    /// <summary>Returns the product of the dimensions, or null if one is negative or the product exceeds 2^63 - 1.</summary>
    public static long? CountOf(ReadOnlySpan<long> shape)
    {
        long count = 1;
        var empty = false;
        foreach (var size in shape)
        {
            if (size < 0)
            {
                return null;
            }

            empty |= size == 0;
            if (size != 0 && count > long.MaxValue / size)
            {
                return null;
            }

            count *= Math.Max(size, 1);
        }

        return empty ? 0 : count;
    }

    private static (ScalarType Dtype, string Safetensors, string Storage, int Bytes) Row(ScalarType dtype) =>
        Find(row => row.Dtype == dtype)
        ?? throw new ArgumentOutOfRangeException(nameof(dtype), dtype, $"the supported dtypes are {SafetensorsNames}");

    private static (ScalarType Dtype, string Safetensors, string Storage, int Bytes)? Find(
        Predicate<(ScalarType Dtype, string Safetensors, string Storage, int Bytes)> match)
    {
        var index = Array.FindIndex(Table, match);
        return index < 0 ? null : Table[index];
    }
}
