using System.Buffers.Binary;
using System.Text.Json;
using static TorchSharp.torch;

namespace Yue.Engine.Weights;

/// <summary>A tensor to be written to a file.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Dtype">Its dtype.</param>
/// <param name="Shape">Its shape.</param>
/// <param name="Bytes">Its values, row-major and little-endian.</param>
internal sealed record TensorBytes(string Name, ScalarType Dtype, long[] Shape, byte[] Bytes);

/// <summary>Writes .safetensors files. A file gets its final name only after all its bytes are on the disk.</summary>
internal static class ShardWriter
{
    private const int Alignment = 8;

    /// <summary>Writes a file, replacing any file of the same name.</summary>
    /// <exception cref="IOException">The disk is full or fails.</exception>
    public static void Write(string path, IReadOnlyList<TensorBytes> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        var temporary = path + ".new";
        using (var file = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None))
        {
            var header = HeaderOf(tensors, metadata);
            Span<byte> length = stackalloc byte[sizeof(ulong)];
            BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
            file.Write(length);
            file.Write(header);
            foreach (var tensor in tensors)
            {
                file.Write(tensor.Bytes);
            }

            file.Flush(flushToDisk: true);
        }

        File.Move(temporary, path, overwrite: true);
    }

    private static byte[] HeaderOf(IReadOnlyList<TensorBytes> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        var header = new Dictionary<string, object> { ["__metadata__"] = metadata };
        long at = 0;
        foreach (var tensor in tensors)
        {
            header[tensor.Name] = new Dictionary<string, object>
            {
                ["dtype"] = TensorDtype.SafetensorsName(tensor.Dtype),
                ["shape"] = tensor.Shape,
                ["data_offsets"] = new[] { at, at + tensor.Bytes.Length },
            };
            at += tensor.Bytes.Length;
        }

        var json = JsonSerializer.SerializeToUtf8Bytes(header);
        var padded = new byte[(json.Length + Alignment - 1) / Alignment * Alignment];
        padded.AsSpan().Fill((byte)' ');
        json.CopyTo(padded, 0);
        return padded;
    }
}
