using System.Buffers.Binary;
using System.Text.Json;
using Yue.Engine.Tensors;
using static TorchSharp.torch;

namespace Yue.Engine.Weights;

/// <summary>Opens one .safetensors file, which consists of the header length in 8 bytes, a JSON header, and the values without
/// gaps.</summary>
public static class SafetensorsFile
{
    // The limit of the format's reference implementation.
    private const long MaxHeaderBytes = 100_000_000;
    private const int PrefixBytes = 8;
    private const int MaxRank = 64;

    /// <summary>Opens the file and checks its header. Throws <see cref="CheckpointException"/> if it is invalid.</summary>
    public static Checkpoint Open(string path)
    {
        var file = CheckpointFile.Open(path);
        try
        {
            var (tensors, metadata) = ReadHeader(file);
            return new Checkpoint(path, tensors, file) { Metadata = metadata };
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private static (Dictionary<string, StoredTensor> Tensors, Dictionary<string, string> Metadata) ReadHeader(CheckpointFile file)
    {
        if (file.Length < PrefixBytes)
        {
            throw new CheckpointException(
                file.Path, $"the file has {file.Length} bytes, expected at least the {PrefixBytes} bytes of the header's length");
        }

        var headerBytes = BinaryPrimitives.ReadUInt64LittleEndian(file.Read(0, PrefixBytes));
        var most = Math.Min(MaxHeaderBytes, file.Length - PrefixBytes);
        if (headerBytes > (ulong)most)
        {
            throw new CheckpointException(file.Path, $"the header's length is {headerBytes} bytes, expected at most {most}");
        }

        var dataStart = PrefixBytes + (long)headerBytes;
        using var header = JsonText.ParseObject(file.Path, file.Read(PrefixBytes, (int)headerBytes), "the header");
        var tensors = new Dictionary<string, StoredTensor>(StringComparer.Ordinal);
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        var ranges = new List<(long Begin, long End, string Name)>();
        foreach (var property in header.RootElement.EnumerateObject())
        {
            var name = JsonText.NameOf(file.Path, property);
            if (name == "__metadata__")
            {
                metadata = TextsOf(file.Path, property.Value);
            }
            else
            {
                var (dtype, shape, begin, end) = new Entry(file.Path, name, property.Value).Read(file.Length - dataStart);
                ranges.Add((begin, end, name));
                tensors.Add(name, new StoredTensor(file, dtype, shape, StoredTensor.RowMajor(shape), dataStart + begin));
            }
        }

        ExpectNoGaps(file.Path, ranges, file.Length - dataStart);
        return (tensors, metadata);
    }

    /// <summary>Returns the string values of the metadata. Other values are ignored.</summary>
    private static Dictionary<string, string> TextsOf(string path, JsonElement metadata)
    {
        var texts = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var property in metadata.ValueKind == JsonValueKind.Object ? metadata.EnumerateObject() : default)
        {
            if (JsonText.StringOf(property.Value) is { } text)
            {
                texts[JsonText.NameOf(path, property)] = text;
            }
        }

        return texts;
    }

    /// <summary>Checks that the tensors' ranges are adjacent and end at the end of the file.</summary>
    private static void ExpectNoGaps(string path, List<(long Begin, long End, string Name)> ranges, long dataBytes)
    {
        ranges.Sort();
        long at = 0;
        foreach (var (begin, end, name) in ranges)
        {
            if (begin != at)
            {
                throw new CheckpointException(path, $"tensor {name} begins at byte {begin} of the data, expected {at}: "
                    + (begin < at ? "it overlaps the tensor before it" : "there is a gap before it"));
            }

            at = end;
        }

        if (at != dataBytes)
        {
            throw new CheckpointException(path, $"the tensors end at byte {at} of the data, expected {dataBytes}, where the file ends");
        }
    }

    /// <summary>One tensor of the header: <c>{"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}</c>.</summary>
    private readonly record struct Entry(string File, string Name, JsonElement Json)
    {
        public (ScalarType Dtype, long[] Shape, long Begin, long End) Read(long dataBytes)
        {
            if (Json.ValueKind != JsonValueKind.Object)
            {
                throw Wrong($"is described by {JsonText.Excerpt(Json)}, expected an object");
            }

            var dtype = ReadDtype();
            var shape = Integers("shape", MaxRank);
            var offsets = Integers("data_offsets", 2);
            if (offsets is not [var begin, var end] || begin > end)
            {
                throw Wrong($"has data_offsets {Shape.Text(offsets)}, expected a start and an end");
            }

            if (end > dataBytes)
            {
                throw Wrong($"ends at byte {end} of the data, but the data in the file ends at byte {dataBytes}: the file is truncated");
            }

            var size = TensorDtype.SizeOf(dtype);
            var bytes = TensorDtype.CountOf(shape) is { } count && count <= long.MaxValue / size ? count * size : -1;
            if (bytes != end - begin)
            {
                throw Wrong(
                    $"of shape {Shape.Text(shape)} and dtype {TensorDtype.SafetensorsName(dtype)} has {end - begin} bytes, expected "
                    + (bytes < 0 ? "fewer values" : $"{bytes}"));
            }

            return (dtype, shape, begin, end);
        }

        private ScalarType ReadDtype()
        {
            var name = Json.TryGetProperty("dtype", out var element) ? JsonText.StringOf(element) : null;
            return TensorDtype.FromSafetensors(name)
                ?? throw Wrong($"has dtype {name ?? "none"}, expected one of {TensorDtype.SafetensorsNames}");
        }

        private long[] Integers(string key, int most)
        {
            if (!Json.TryGetProperty(key, out var list) || list.ValueKind != JsonValueKind.Array || list.GetArrayLength() > most)
            {
                throw Wrong($"has no {key} list of at most {most} integers");
            }

            var values = new long[list.GetArrayLength()];
            var index = 0;
            foreach (var element in list.EnumerateArray())
            {
                if (element.ValueKind != JsonValueKind.Number || !element.TryGetInt64(out values[index]) || values[index++] < 0)
                {
                    throw Wrong($"has {JsonText.Excerpt(element)} in its {key}, expected an integer of at least 0");
                }
            }

            return values;
        }

        private CheckpointException Wrong(string problem) => new(File, $"tensor {Name} {problem}");
    }
}
