using System.Runtime.InteropServices;
using System.Text;

namespace Yue.Testing;

/// <summary>Writes tiny ONNX models: one operator from <c>x</c> to <c>y</c>, with at most one constant.</summary>
public static class OnnxGraph
{
    /// <summary>Returns the model y = x.</summary>
    public static byte[] Identity(params ReadOnlySpan<int> shape) => Model(Node("Identity", "x"), [], Value("x", shape), Value("y", shape));

    /// <summary>Returns a model that reshapes x to another shape.</summary>
    public static byte[] Mislabeled(int[] input, int[] output) =>
        Model([.. Node("Reshape", "x", "shape")], Initializer64("shape", output), Value("x", input), Value("y", output));

    /// <summary>Returns the model y = x · mask. The shape is [1, 4, bins, frames], and the mask has one factor per bin.</summary>
    public static byte[] Mask(ReadOnlySpan<int> shape, ReadOnlySpan<float> factors) => Model(
        Node("Mul", "x", "mask"), Initializer("mask", [1, 1, factors.Length, 1], factors), Value("x", shape), Value("y", shape));

    private static byte[] Model(byte[] node, byte[] initializer, byte[] input, byte[] output)
    {
        byte[] graph =
        [
            .. Field(1, node), .. Field(2, "g"u8), .. initializer.Length == 0 ? [] : Field(5, initializer),
            .. Field(11, input), .. Field(12, output),
        ];
        return [.. Number(1, 8), .. Field(7, graph), .. Field(8, Number(2, 13))];
    }

    private static byte[] Node(string operation, params string[] inputs) =>
    [
        .. inputs.SelectMany(name => Field(1, Encoding.UTF8.GetBytes(name))),
        .. Field(2, "y"u8), .. Field(4, Encoding.UTF8.GetBytes(operation)),
    ];

    /// <summary>Returns a ValueInfoProto of float32.</summary>
    private static byte[] Value(string name, ReadOnlySpan<int> shape)
    {
        var dims = shape.ToArray().SelectMany(size => Field(1, Number(1, size))).ToArray();
        return [.. Field(1, Encoding.UTF8.GetBytes(name)), .. Field(2, Field(1, [.. Number(1, 1), .. Field(2, dims)]))];
    }

    private static byte[] Initializer(string name, int[] shape, ReadOnlySpan<float> values) =>
    [
        .. shape.SelectMany(size => Number(1, size)), .. Number(2, 1), .. Field(8, Encoding.UTF8.GetBytes(name)),
        .. Field(9, MemoryMarshal.AsBytes(values)),
    ];

    private static byte[] Initializer64(string name, int[] values) =>
    [
        .. Number(1, values.Length), .. Number(2, 7), .. Field(8, Encoding.UTF8.GetBytes(name)),
        .. Field(9, MemoryMarshal.AsBytes(Array.ConvertAll(values, value => (long)value).AsSpan())),
    ];

    /// <summary>Returns a length-delimited field of a protocol buffer.</summary>
    private static byte[] Field(int number, ReadOnlySpan<byte> content) =>
        [.. Varint((ulong)((number << 3) | 2)), .. Varint((ulong)content.Length), .. content];

    private static byte[] Number(int number, long value) => [.. Varint((ulong)(number << 3)), .. Varint((ulong)value)];

    private static byte[] Varint(ulong value)
    {
        var bytes = new List<byte>();
        for (; value >= 0x80; value >>= 7)
        {
            bytes.Add((byte)(value | 0x80));
        }

        bytes.Add((byte)value);
        return [.. bytes];
    }
}
