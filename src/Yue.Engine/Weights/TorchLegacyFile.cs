using System.Buffers.Binary;

namespace Yue.Engine.Weights;

/// <summary>The format of <c>torch.save</c> before PyTorch 1.6: pickles one after another, then the storages.</summary>
/// <remarks>
/// The pickles are a magic number, the protocol version 1001, the system's properties, the object, and the list of storage
/// keys. The storages follow in that order, each with its element count in 8 bytes before its values.
/// </remarks>
internal static class TorchLegacyFile
{
    private const int MaxPickleBytes = 16 << 20;
    private const int CountBytes = 8;

    // PROTO 2, LONG1 of 10 bytes, 0x1950a86a20f9469cfc6c little endian, STOP.
    private static ReadOnlySpan<byte> Magic => [0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, (byte)'.'];

    /// <summary>Returns true if the file begins with the magic number of this format.</summary>
    public static bool Is(CheckpointFile file) =>
        file.Length >= Magic.Length && file.Read(0, Magic.Length).AsSpan().SequenceEqual(Magic);

    public static Dictionary<string, StoredTensor> Read(CheckpointFile file, string? rootKey)
    {
        var head = file.Read(0, (int)Math.Min(file.Length, MaxPickleBytes));
        var at = Magic.Length;
        if (Next(file, head, ref at) is not 1001L)
        {
            throw new CheckpointException(file.Path, "the protocol version is not 1001");
        }

        if (Next(file, head, ref at) is not PickleDict system || system.Find("little_endian") is not true)
        {
            throw new CheckpointException(file.Path, "the system's properties do not specify little_endian");
        }

        var reader = new PickleReader(file.Path, head.AsMemory(at));
        var root = reader.Read();
        at += reader.Position;
        var keys = Next(file, head, ref at) as PickleList
            ?? throw new CheckpointException(file.Path, "the list of storage keys is missing");
        var storages = LocateStorages(file, keys, reader.Storages, at);
        return new TorchStateDict(file, storage => storages[storage.Key]).Read(root, rootKey);
    }

    private static object? Next(CheckpointFile file, byte[] head, ref int at)
    {
        var reader = new PickleReader(file.Path, head.AsMemory(at));
        var value = reader.Read();
        at += reader.Position;
        return value;
    }

    private static Dictionary<string, (long Offset, long Bytes)> LocateStorages(
        CheckpointFile file, PickleList keys, IReadOnlyList<PickleStorage> named, long at)
    {
        var byKey = new Dictionary<string, PickleStorage>(StringComparer.Ordinal);
        foreach (var storage in named)
        {
            byKey[storage.Key] = storage;
        }

        var located = new Dictionary<string, (long Offset, long Bytes)>(StringComparer.Ordinal);
        foreach (var item in keys.Items)
        {
            if (item is not string key || !byKey.TryGetValue(key, out var storage) || storage.Dtype is not { } dtype)
            {
                throw new CheckpointException(
                    file.Path, "the list of storage keys names a storage that no tensor uses, or one with a dtype other than "
                    + TensorDtype.SafetensorsNames);
            }

            var count = BinaryPrimitives.ReadInt64LittleEndian(file.Read(at, CountBytes));
            var available = (file.Length - at - CountBytes) / TensorDtype.SizeOf(dtype);
            if (count != storage.Count || count > available || !located.TryAdd(key, (at + CountBytes, count * TensorDtype.SizeOf(dtype))))
            {
                throw new CheckpointException(
                    file.Path, $"storage {key} states {count} values; {storage.Count} were expected, and the file has {available} left: "
                        + "it is truncated or damaged");
            }

            at += CountBytes + (count * TensorDtype.SizeOf(dtype));
        }

        return byKey.Keys.FirstOrDefault(key => !located.ContainsKey(key)) is { } missing
            ? throw new CheckpointException(file.Path, $"storage {missing} is not in the list of storage keys")
            : located;
    }
}
