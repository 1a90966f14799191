using System.Buffers.Binary;
using System.Text;

namespace Yue.Engine.Weights;

/// <summary>One entry of a zip file, as its central directory describes it.</summary>
/// <param name="Name">The full name, with forward slashes.</param>
/// <param name="Method">The compression method; 0 means stored.</param>
/// <param name="Flags">The general-purpose flags; bit 0 means encrypted.</param>
/// <param name="StoredBytes">The size in the file in bytes.</param>
/// <param name="Bytes">The size of the content in bytes.</param>
/// <param name="HeaderOffset">The position of the entry's local header.</param>
internal sealed record ZipEntry(string Name, int Method, int Flags, long StoredBytes, long Bytes, long HeaderOffset);

/// <summary>The entries of a zip file (including zip64) and the positions of their bytes, which can be read in place.</summary>
/// <remarks>PyTorch stores entries uncompressed. A compressed or encrypted entry is listed but cannot be located.</remarks>
internal sealed class ZipEntries
{
    private const uint LocalSignature = 0x04034b50;
    private const int LocalBytes = 30;

    private readonly CheckpointFile _file;
    private readonly Dictionary<string, ZipEntry> _entries;

    private ZipEntries(CheckpointFile file, Dictionary<string, ZipEntry> entries)
    {
        _file = file;
        _entries = entries;
    }

    public IEnumerable<string> Names => _entries.Keys;

    /// <summary>Reads the central directory.</summary>
    public static ZipEntries Read(CheckpointFile file) => new(file, new ZipDirectory(file).Read());

    public bool Contains(string name) => _entries.ContainsKey(name);

    /// <summary>Returns the offset and the size, in bytes, of an entry's content in the file.</summary>
    public (long Offset, long Bytes) Locate(string name)
    {
        if (!_entries.TryGetValue(name, out var entry))
        {
            throw new CheckpointException(_file.Path, $"the archive has no entry {name}");
        }

        if (entry.Method != 0 || (entry.Flags & 1) != 0 || entry.StoredBytes != entry.Bytes)
        {
            throw new CheckpointException(
                _file.Path, $"entry {name} is compressed or encrypted "
                + $"(method {entry.Method}, {entry.StoredBytes} bytes in the file, {entry.Bytes} bytes uncompressed), "
                + "expected a stored one; PyTorch stores all entries uncompressed");
        }

        var header = _file.Read(entry.HeaderOffset, LocalBytes);
        var nameBytes = BinaryPrimitives.ReadUInt16LittleEndian(header.AsSpan(26));
        var extraBytes = BinaryPrimitives.ReadUInt16LittleEndian(header.AsSpan(28));
        if (BinaryPrimitives.ReadUInt32LittleEndian(header) != LocalSignature
            || Encoding.UTF8.GetString(_file.Read(entry.HeaderOffset + LocalBytes, nameBytes)) != name)
        {
            throw new CheckpointException(_file.Path, $"entry {name} has no local header at byte {entry.HeaderOffset}");
        }

        var offset = entry.HeaderOffset + LocalBytes + nameBytes + extraBytes;
        return entry.Bytes <= _file.Length - offset
            ? (offset, entry.Bytes)
            : throw new CheckpointException(
                _file.Path, $"entry {name} ends at byte {offset + entry.Bytes}, but the file has {_file.Length} bytes: it is truncated");
    }
}
