using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Yue.Engine.Audio.Readers;

/// <summary>A page of an Ogg file (RFC 3533).</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct OggPage(byte Flags, long Granule, uint Serial, uint Sequence, int Table, int Segments, int End)
{
    private const int HeaderSize = 27;
    private const int ChecksumOffset = 22;
    private const uint Polynomial = 0x04C1_1DB7;

    private static readonly uint[] Checksums = [.. Enumerable.Range(0, 256).Select(Checksum)];

    public bool IsFirst => (Flags & 2) != 0;

    public bool IsLast => (Flags & 4) != 0;

    /// <summary>The position of the content in the file.</summary>
    public int Body => Table + Segments;

    /// <summary>Reads the page at a position.</summary>
    /// <param name="file">The whole file.</param>
    /// <param name="position">The position of the page.</param>
    /// <param name="page">The page.</param>
    /// <param name="isChecked">True if the checksums have already been verified.</param>
    /// <returns>False if the file ends before the page or within it.</returns>
    /// <exception cref="ClipFaultException">The data is not a page, or its checksum is wrong.</exception>
    public static bool TryRead(ReadOnlySpan<byte> file, int position, out OggPage page, bool isChecked = false)
    {
        page = default;
        var rest = file[position..];
        if (rest.Length < HeaderSize || rest.Length < HeaderSize + rest[HeaderSize - 1])
        {
            return false;
        }

        var end = HeaderSize + rest[HeaderSize - 1];
        foreach (var size in rest[HeaderSize..end])
        {
            end += size;
        }

        if (!rest.StartsWith("OggS\0"u8))
        {
            throw new ClipFaultException(FormattableString.Invariant($"is damaged: no Ogg page begins at byte {position}"));
        }

        if (rest.Length < end)
        {
            return false;
        }

        if (!isChecked && ChecksumOf(rest[..end]) != BinaryPrimitives.ReadUInt32LittleEndian(rest[ChecksumOffset..]))
        {
            throw new ClipFaultException(FormattableString.Invariant($"is damaged: the checksum of the page at byte {position} is wrong"));
        }

        page = new OggPage(
            rest[5],
            BinaryPrimitives.ReadInt64LittleEndian(rest[6..]),
            BinaryPrimitives.ReadUInt32LittleEndian(rest[14..]),
            BinaryPrimitives.ReadUInt32LittleEndian(rest[18..]),
            position + HeaderSize,
            rest[HeaderSize - 1],
            position + end);
        return true;
    }

    /// <summary>Returns the index of this page's last segment that ends a packet; -1 if there is none.</summary>
    public int LastPacketEnd(ReadOnlySpan<byte> file) => file.Slice(Table, Segments).LastIndexOfAnyExcept((byte)255);

    private static uint ChecksumOf(ReadOnlySpan<byte> page)
    {
        var sum = 0u;
        for (var i = 0; i < page.Length; i++)
        {
            var value = i is >= ChecksumOffset and < ChecksumOffset + 4 ? (byte)0 : page[i];
            sum = (sum << 8) ^ Checksums[(sum >> 24) ^ value];
        }

        return sum;
    }

    private static uint Checksum(int value)
    {
        var sum = (uint)value << 24;
        for (var bit = 0; bit < 8; bit++)
        {
            sum = (sum & 0x8000_0000) != 0 ? (sum << 1) ^ Polynomial : sum << 1;
        }

        return sum;
    }
}
