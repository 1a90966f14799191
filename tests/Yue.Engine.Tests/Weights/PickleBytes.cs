using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Yue.Engine.Tests.Weights;

/// <summary>Builds pickles opcode by opcode, and the archives in which PyTorch stores them.</summary>
internal static class PickleBytes
{
    public static byte[] Join(params object[] parts)
    {
        var bytes = new List<byte>();
        foreach (var part in parts)
        {
            bytes.AddRange(part is string latin1 ? Encoding.Latin1.GetBytes(latin1) : (byte[])part);
        }

        return [.. bytes];
    }

    public static byte[] Utf8(string text) => Join("X", Int32(Encoding.UTF8.GetByteCount(text)), Encoding.UTF8.GetBytes(text));

    public static byte[] Number(int value) => Join("J", Int32(value));

    public static byte[] Numbers(params int[] values) => Join("(", Join([.. values.Select(Number)]), "t");

    /// <summary>Returns a call to <c>_rebuild_tensor_v2</c> on storage <c>0</c>.</summary>
    public static byte[] Tensor(
        int[] shape, int[] strides, int offset = 0, int storageCount = 6, string storage = "FloatStorage", string device = "cpu") =>
        Join(
            "ctorch._utils\n_rebuild_tensor_v2\n(",
            "(", Utf8("storage"), $"ctorch\n{storage}\n", Utf8("0"), Utf8(device), Number(storageCount), "tQ",
            Number(offset), Numbers(shape), Numbers(strides), "\u0089ccollections\nOrderedDict\n)RtR");

    /// <summary>Returns a whole pickle of a dict with one item.</summary>
    public static byte[] DictOf(string key, byte[] value) => Join("\u0080\u0002}(", Utf8(key), value, "u.");

    /// <summary>Returns a .pth archive of the pickle and one storage.</summary>
    public static byte[] Archive(
        byte[] pickle, byte[]? storage = null, CompressionLevel level = CompressionLevel.NoCompression, string byteOrder = "little")
    {
        var stream = new MemoryStream();
        using (var archive = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            void Add(string name, byte[] content)
            {
                using var entry = archive.CreateEntry($"model/{name}", level).Open();
                entry.Write(content);
            }

            Add("data.pkl", pickle);
            Add("byteorder", Encoding.ASCII.GetBytes(byteOrder));
            Add("data/0", storage ?? Floats(0, 1, 2, 3, 4, 5));
            Add("version", "3\n"u8.ToArray());
        }

        return stream.ToArray();
    }

    public static byte[] Floats(params float[] values) => [.. values.SelectMany(BitConverter.GetBytes)];

    public static byte[] Int32(int value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, value);
        return bytes;
    }

    public static byte[] Int64(long value)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, value);
        return bytes;
    }
}
