using System.Buffers.Binary;

namespace Yue.Testing;

/// <summary>Builds valid and hostile Ogg files.</summary>
public static class TestOgg
{
    private static readonly byte[] VorbisHeader = [1, .. "vorbis"u8, 0, 0, 0, 0, 1, 0x40, 0x1F, 0, 0, .. new byte[12], 0xB8, 1];
    private static readonly byte[] OpusHeader = [.. "OpusHead"u8, 1, 1, 0, 0, 0x80, 0xBB, 0, 0, 0, 0, 0];

    /// <summary>Returns a small file that declares 256 codebooks, the first with 65,535 dimensions and 16 million entries.</summary>
    public static byte[] VorbisWithHugeCodebooks() =>
    [
        .. Page(0, 2, 0, VorbisHeader),
        .. Page(
            1, 0, 0, [3, .. "vorbis"u8, 0, 0, 0, 0, 0, 0, 0, 0, 1],
            [5, .. "vorbis"u8, 255, .. "BCV"u8, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, .. new byte[100]]),
        .. Page(2, 4, 8000, new byte[20]),
    ];

    public static byte[] OpusWithWrongChecksum()
    {
        var page = Page(0, 2, 0, OpusHeader);
        page[22] ^= 1;
        return page;
    }

    /// <summary>Returns a 20 ms Opus file with a header of a given length. Bytes after the mapping family are zero.</summary>
    public static byte[] OpusWithHeader(int version, int channels, int family, int bytes)
    {
        byte[] header = [.. OpusHeader, .. new byte[bytes]];
        (header[8], header[9], header[18]) = ((byte)version, (byte)channels, (byte)family);
        return
        [
            .. Page(0, 2, 0, header[..bytes]), .. Page(1, 0, 0, "OpusTags"u8.ToArray()), .. Page(2, 4, 960, new byte[] { 3, 0 }),
        ];
    }

    /// <summary>Returns an Opus file of ten seconds with packets that no encoder produces.</summary>
    public static byte[] OpusWithGarbage() =>
    [
        .. Page(0, 2, 0, OpusHeader), .. Page(1, 0, 0, "OpusTags"u8.ToArray()),
        .. Page(2, 4, 480_000, [.. Enumerable.Repeat<byte[]>([3, 0], 100)]),
    ];

    /// <summary>Writes the correct checksum into every page, so that damage reaches the decoder.</summary>
    public static void WriteChecksums(byte[] file)
    {
        for (var at = 0; at + 27 <= file.Length && at + 27 + file[at + 26] <= file.Length;)
        {
            var end = at + 27 + file[at + 26];
            foreach (var size in file.AsSpan(at + 27, file[at + 26]))
            {
                end += size;
            }

            if (end > file.Length)
            {
                return;
            }

            WriteChecksum(file.AsSpan(at..end));
            at = end;
        }
    }

    private static byte[] Page(int sequence, byte flags, long granule, params byte[][] packets)
    {
        byte[] sizes =
            [.. packets.SelectMany(packet => Enumerable.Repeat((byte)255, packet.Length / 255).Append((byte)(packet.Length % 255)))];
        byte[] page =
        [
            .. "OggS\0"u8, flags, .. new byte[8], 7, 0, 0, 0, (byte)sequence, 0, 0, 0, 0,
            0, 0, 0, (byte)sizes.Length, .. sizes, .. packets.SelectMany(packet => packet)
        ];
        BinaryPrimitives.WriteInt64LittleEndian(page.AsSpan(6), granule);
        WriteChecksum(page.AsSpan());
        return page;
    }

    private static void WriteChecksum(Span<byte> page)
    {
        page.Slice(22, 4).Clear();
        var sum = 0u;
        foreach (var value in page)
        {
            sum ^= (uint)value << 24;
            for (var bit = 0; bit < 8; bit++)
            {
                sum = (sum >> 31) != 0 ? (sum << 1) ^ 0x04C1_1DB7 : sum << 1;
            }
        }

        BinaryPrimitives.WriteUInt32LittleEndian(page[22..], sum);
    }
}
