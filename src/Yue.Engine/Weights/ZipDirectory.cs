using System.Buffers.Binary;
using System.Text;

namespace Yue.Engine.Weights;

/// <summary>Reads a zip file's central directory.</summary>
internal sealed class ZipDirectory(CheckpointFile file)
{
    private const uint EndSignature = 0x06054b50;
    private const uint End64Signature = 0x06064b50;
    private const uint Locator64Signature = 0x07064b50;
    private const uint EntrySignature = 0x02014b50;
    private const int EndBytes = 22;
    private const int End64Bytes = 56;
    private const int Locator64Bytes = 20;
    private const int EntryBytes = 46;
    private const int MaxCommentBytes = ushort.MaxValue;
    private const int MaxDirectoryBytes = 64 << 20;
    private const ushort Zip64Extra = 1;

    public Dictionary<string, ZipEntry> Read()
    {
        var (offset, bytes) = FindDirectory();
        if (bytes is < 0 or > MaxDirectoryBytes || offset < 0 || offset > file.Length - bytes)
        {
            throw Wrong(
                $"the archive's directory of {bytes} bytes at byte {offset} is outside the file or larger than {MaxDirectoryBytes} bytes");
        }

        var entries = new Dictionary<string, ZipEntry>(StringComparer.Ordinal);
        ReadOnlySpan<byte> rest = file.Read(offset, (int)bytes);
        while (rest.Length > 0)
        {
            var entry = ReadEntry(ref rest);
            if (entry.HeaderOffset < 0 || entry.HeaderOffset >= offset || entry.Bytes < 0 || entry.StoredBytes < 0)
            {
                throw Wrong($"entry {entry.Name} is outside the file");
            }

            if (!entries.TryAdd(entry.Name, entry))
            {
                throw Wrong($"the archive has two entries named {entry.Name}");
            }
        }

        return entries;
    }

    private (long Offset, long Bytes) FindDirectory()
    {
        var tailStart = Math.Max(0, file.Length - EndBytes - MaxCommentBytes);
        ReadOnlySpan<byte> tail = file.Read(tailStart, (int)(file.Length - tailStart));
        for (var at = tail.Length - EndBytes; at >= 0; at--)
        {
            var end = tail[at..];
            if (UInt32(end) == EndSignature && UInt16(end[20..]) == end.Length - EndBytes)
            {
                var (offset, bytes) = ((long)UInt32(end[16..]), (long)UInt32(end[12..]));
                return offset == uint.MaxValue || bytes == uint.MaxValue ? FindDirectory64(tailStart + at) : (offset, bytes);
            }
        }

        throw Wrong("the archive's end record is missing: the file is truncated or not a zip archive");
    }

    private (long Offset, long Bytes) FindDirectory64(long endOffset)
    {
        if (endOffset >= Locator64Bytes)
        {
            var locator = file.Read(endOffset - Locator64Bytes, Locator64Bytes);
            var at = Int64(locator.AsSpan(8));
            if (UInt32(locator) == Locator64Signature && at >= 0 && at <= file.Length - End64Bytes)
            {
                var end = file.Read(at, End64Bytes);
                if (UInt32(end) == End64Signature)
                {
                    return (Int64(end.AsSpan(48)), Int64(end.AsSpan(40)));
                }
            }
        }

        throw Wrong("the archive's zip64 end record is missing or damaged");
    }

    private ZipEntry ReadEntry(ref ReadOnlySpan<byte> rest)
    {
        if (rest.Length < EntryBytes || UInt32(rest) != EntrySignature)
        {
            throw Wrong("the archive's directory is damaged");
        }

        int nameBytes = UInt16(rest[28..]), extraBytes = UInt16(rest[30..]), commentBytes = UInt16(rest[32..]);
        if (rest.Length < EntryBytes + nameBytes + extraBytes + commentBytes)
        {
            throw Wrong("the archive's directory is truncated");
        }

        var name = Encoding.UTF8.GetString(rest.Slice(EntryBytes, nameBytes));
        var wide = Zip64Values(rest.Slice(EntryBytes + nameBytes, extraBytes));
        var bytes = Widened(UInt32(rest[24..]), ref wide);
        var storedBytes = Widened(UInt32(rest[20..]), ref wide);
        var headerOffset = Widened(UInt32(rest[42..]), ref wide);
        var entry = new ZipEntry(name, UInt16(rest[10..]), UInt16(rest[8..]), storedBytes, bytes, headerOffset);
        rest = rest[(EntryBytes + nameBytes + extraBytes + commentBytes)..];
        return entry;
    }

    /// <summary>Returns the 8-byte values of the zip64 extra field, if any.</summary>
    private static ReadOnlySpan<byte> Zip64Values(ReadOnlySpan<byte> extra)
    {
        while (extra.Length >= 4)
        {
            var bytes = UInt16(extra[2..]);
            if (bytes > extra.Length - 4)
            {
                break;
            }

            if (UInt16(extra) == Zip64Extra)
            {
                return extra.Slice(4, bytes);
            }

            extra = extra[(4 + bytes)..];
        }

        return [];
    }

    /// <summary>Returns a 4-byte field, or the next zip64 value if all bits of the field are set.</summary>
    private long Widened(uint value, ref ReadOnlySpan<byte> wide)
    {
        if (value != uint.MaxValue)
        {
            return value;
        }

        if (wide.Length < 8)
        {
            throw Wrong("the archive's directory lacks a zip64 size");
        }

        var widened = Int64(wide);
        wide = wide[8..];
        return widened;
    }

    private CheckpointException Wrong(string problem) => new(file.Path, problem);

    private static ushort UInt16(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt16LittleEndian(bytes);

    private static uint UInt32(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt32LittleEndian(bytes);

    private static long Int64(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadInt64LittleEndian(bytes);
}
