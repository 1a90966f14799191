using System.Buffers.Binary;
using System.Text;

namespace Yue.Testing;

/// <summary>Builds AIFF and AIFF-C files.</summary>
public static class TestAiff
{
    /// <summary>Returns a mono file at 16 kHz.</summary>
    /// <param name="compression">The four-letter compression type of an AIFF-C file; null for AIFF.</param>
    /// <param name="bits">The number of bits per sample.</param>
    /// <param name="data">The samples.</param>
    /// <param name="claimedFrames">The number of samples that the header states; null for the actual number.</param>
    public static byte[] File(string? compression, int bits, byte[] data, int? claimedFrames = null)
    {
        // 16,000 as an 80-bit float.
        byte[] rate = [0x40, 0x0C, 0xFA, 0, 0, 0, 0, 0, 0, 0];
        byte[] kind = compression is null ? [] : [.. Encoding.Latin1.GetBytes(compression), 0, 0];
        byte[] common = [0, 1, .. Int(claimedFrames ?? data.Length * 8 / bits), 0, (byte)bits, .. rate, .. kind];
        byte[] content =
        [
            .. Encoding.Latin1.GetBytes(compression is null ? "AIFF" : "AIFC"),
            .. "COMM"u8, .. Int(common.Length), .. common, .. "ID3 "u8, .. Int(3), 1, 2, 3, 0,
            .. "SSND"u8, .. Int(8 + data.Length), .. new byte[8], .. data,
        ];
        return [.. "FORM"u8, .. Int(content.Length), .. content];
    }

    private static byte[] Int(int value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, value);
        return bytes;
    }
}
