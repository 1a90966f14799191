using System.Buffers;
using System.Buffers.Binary;
using System.Text.Json;
using Yue.Engine.Weights;

namespace Yue.Engine.Tests.Weights;

/// <summary>Writes safetensors files. The same tensors in the same order give the same bytes.</summary>
public static class SafetensorsWriter
{
    private const int Alignment = 8;

    private static readonly JsonWriterOptions Indented = new() { Indented = true, NewLine = "\n" };

    /// <summary>Writes one file with its values in the given order.</summary>
    public static void Write(string path, IReadOnlyCollection<TensorData> tensors)
    {
        var header = Header(tensors);
        using var file = File.Create(path);
        Span<byte> length = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, header.Length);
        file.Write(length);
        file.Write(header);
        foreach (var tensor in tensors)
        {
            file.Write(tensor.Bytes.Span);
        }
    }

    /// <summary>Writes a folder's shards <c>model-00001-of-0000N.safetensors</c> and their index.</summary>
    public static void WriteShards(string folder, IReadOnlyList<IReadOnlyCollection<TensorData>> shards)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, Indented))
        {
            json.WriteStartObject();
            json.WriteStartObject("metadata");
            json.WriteNumber("total_size", shards.Sum(shard => shard.Sum(tensor => (long)tensor.Bytes.Length)));
            json.WriteEndObject();
            json.WriteStartObject("weight_map");
            for (var i = 0; i < shards.Count; i++)
            {
                var name = $"model-{i + 1:D5}-of-{shards.Count:D5}.safetensors";
                Write(Path.Combine(folder, name), shards[i]);
                foreach (var tensor in shards[i])
                {
                    json.WriteString(tensor.Name, name);
                }
            }

            json.WriteEndObject();
            json.WriteEndObject();
        }

        File.WriteAllBytes(Path.Combine(folder, SafetensorsCheckpoint.IndexFile), buffer.WrittenSpan);
    }

    /// <summary>Returns the JSON header, padded with spaces so that the values are aligned.</summary>
    private static byte[] Header(IReadOnlyCollection<TensorData> tensors)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteStartObject("__metadata__");
            json.WriteString("format", "pt");
            json.WriteEndObject();
            long at = 0;
            foreach (var tensor in tensors)
            {
                tensor.CheckedCount();
                WriteEntry(json, tensor, at);
                at += tensor.Bytes.Length;
            }

            json.WriteEndObject();
        }

        var header = new byte[(buffer.WrittenCount + Alignment - 1) / Alignment * Alignment];
        header.AsSpan().Fill((byte)' ');
        buffer.WrittenSpan.CopyTo(header);
        return header;
    }

    private static void WriteEntry(Utf8JsonWriter json, TensorData tensor, long begin)
    {
        json.WriteStartObject(tensor.Name);
        json.WriteString("dtype", TensorDtype.SafetensorsName(tensor.Dtype));
        json.WriteStartArray("shape");
        foreach (var size in tensor.Shape)
        {
            json.WriteNumberValue(size);
        }

        json.WriteEndArray();
        json.WriteStartArray("data_offsets");
        json.WriteNumberValue(begin);
        json.WriteNumberValue(begin + tensor.Bytes.Length);
        json.WriteEndArray();
        json.WriteEndObject();
    }
}
