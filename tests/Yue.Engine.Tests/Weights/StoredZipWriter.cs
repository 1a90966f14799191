using System.Buffers.Binary;
using System.Text;

namespace Yue.Engine.Tests.Weights;

/// <summary>Writes a zip archive of uncompressed entries whose bytes begin on 64-byte boundaries, as PyTorch does.</summary>
/// <remarks>All entries have the same timestamp, so equal entries give equal bytes. Archives of 4 GiB and more are not supported.</remarks>
internal sealed class StoredZipWriter(Stream stream)
{
    private const int Alignment = 64;
    private const ushort PaddingExtra = 0x4246;
    private const ushort Version = 20;
    private const ushort FirstDay = 0x21;               // January 1, 1980, the earliest date in the zip format
    private const int MaxEntries = ushort.MaxValue - 1;

    private static readonly uint[] CrcTable = MakeCrcTable();

    private readonly List<(string Name, uint Crc, int Bytes, uint Offset)> _entries = [];

    /// <summary>Adds one entry.</summary>
    public void Add(string name, ReadOnlySpan<byte> content)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(
            stream.Position + content.Length, uint.MaxValue - (1L << 24), "archive bytes");
        ArgumentOutOfRangeException.ThrowIfGreaterThan(_entries.Count, MaxEntries - 1, "entries");
        var offset = (uint)stream.Position;
        var nameBytes = Encoding.UTF8.GetByteCount(name);
        var unpadded = offset + 30 + nameBytes + 4;
        var padding = (int)((Alignment - (unpadded % Alignment)) % Alignment);
        var crc = Crc32(content);
        _entries.Add((name, crc, content.Length, offset));

        UInt32(0x04034b50);
        WriteCommon(crc, content.Length, nameBytes, 4 + padding);
        Text(name);
        UInt16(PaddingExtra);
        UInt16((ushort)padding);
        stream.Write(new byte[padding]);
        stream.Write(content);
    }

    /// <summary>Writes the directory; nothing may be added after it.</summary>
    public void Finish()
    {
        var start = (uint)stream.Position;
        foreach (var (name, crc, bytes, offset) in _entries)
        {
            UInt32(0x02014b50);
            UInt16(Version);
            WriteCommon(crc, bytes, Encoding.UTF8.GetByteCount(name), extraBytes: 0);
            UInt16(0);                                  // comment
            UInt16(0);                                  // disk
            UInt16(0);                                  // internal attributes
            UInt32(0);                                  // external attributes
            UInt32(offset);
            Text(name);
        }

        var directoryBytes = (uint)stream.Position - start;
        UInt32(0x06054b50);
        UInt16(0);
        UInt16(0);
        UInt16((ushort)_entries.Count);
        UInt16((ushort)_entries.Count);
        UInt32(directoryBytes);
        UInt32(start);
        UInt16(0);
    }

    /// <summary>Writes the fields that local headers and directory entries share.</summary>
    private void WriteCommon(uint crc, int bytes, int nameBytes, int extraBytes)
    {
        UInt16(Version);
        UInt16(0);                                      // flags
        UInt16(0);                                      // method: stored
        UInt16(0);                                      // time
        UInt16(FirstDay);
        UInt32(crc);
        UInt32((uint)bytes);
        UInt32((uint)bytes);
        UInt16((ushort)nameBytes);
        UInt16((ushort)extraBytes);
    }

    private void UInt16(ushort value)
    {
        Span<byte> bytes = stackalloc byte[2];
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, value);
        stream.Write(bytes);
    }

    private void UInt32(uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        stream.Write(bytes);
    }

    private void Text(string text) => stream.Write(Encoding.UTF8.GetBytes(text));

    private static uint Crc32(ReadOnlySpan<byte> content)
    {
        var crc = uint.MaxValue;
        foreach (var value in content)
        {
            crc = (crc >> 8) ^ CrcTable[(byte)(crc ^ value)];
        }

        return ~crc;
    }

    private static uint[] MakeCrcTable()
    {
        var table = new uint[256];
        for (uint i = 0; i < table.Length; i++)
        {
            var crc = i;
            for (var bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) != 0 ? (crc >> 1) ^ 0xEDB88320 : crc >> 1;
            }

            table[i] = crc;
        }

        return table;
    }
}
