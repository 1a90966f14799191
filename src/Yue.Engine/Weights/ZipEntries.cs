using System.Buffers.Binary;
using System.Text;

namespace Yue.Engine.Weights;

/// <summary>One entry of a zip file, as its central directory describes it.</summary>
/// <param name="Name">The full name, with forward slashes.</param>
/// <param name="Method">0 is stored; anything else is compressed.</param>
/// <param name="Flags">The general-purpose flags; bit 0 is encryption.</param>
/// <param name="StoredBytes">Bytes in the file.</param>
/// <param name="Bytes">Bytes of the content.</param>
/// <param name="HeaderOffset">Where the entry's local header is.</param>
internal sealed record ZipEntry(string Name, int Method, int Flags, long StoredBytes, long Bytes, long HeaderOffset);

/// <summary>The entries of a zip file (zip64 too) and where their bytes lie, so that they can be read in place.</summary>
/// <remarks>PyTorch stores entries uncompressed; a compressed or encrypted one can be listed but not located.</remarks>
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

    /// <summary>Where the entry's bytes begin in the file, and how many there are.</summary>
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
                + $"(method {entry.Method}, {entry.StoredBytes} bytes for {entry.Bytes}), "
                + "expected a stored one, as PyTorch writes them");
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
                _file.Path, $"entry {name} ends at byte {offset + entry.Bytes}, and the file has {_file.Length}: it is truncated");
    }
}
