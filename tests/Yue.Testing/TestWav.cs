using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Yue.Testing;

/// <summary>Builds WAV files with any header, correct or not.</summary>
public static class TestWav
{
    /// <summary>Returns a file of interleaved 32-bit float samples.</summary>
    public static byte[] OfFloats(int rateHz, int channels, ReadOnlySpan<float> samples) =>
        File(3, rateHz, channels, 32, MemoryMarshal.AsBytes(samples).ToArray());

    /// <summary>Returns a file of 16-bit silence.</summary>
    public static byte[] Silence(int rateHz, int channels, double seconds) =>
        File(1, rateHz, channels, 16, new byte[(int)(seconds * rateHz) * channels * 2]);

    /// <summary>Returns a file whose header may state a wrong number of data bytes.</summary>
    public static byte[] File(short format, int rateHz, int channels, int bits, byte[] data, uint? claimedBytes = null)
    {
        var file = new byte[44 + data.Length];
        var header = file.AsSpan();
        "RIFF"u8.CopyTo(header);
        BinaryPrimitives.WriteInt32LittleEndian(header[4..], file.Length - 8);
        "WAVEfmt "u8.CopyTo(header[8..]);
        BinaryPrimitives.WriteInt32LittleEndian(header[16..], 16);
        BinaryPrimitives.WriteInt16LittleEndian(header[20..], format);
        BinaryPrimitives.WriteInt16LittleEndian(header[22..], (short)channels);
        BinaryPrimitives.WriteInt32LittleEndian(header[24..], rateHz);
        BinaryPrimitives.WriteInt32LittleEndian(header[28..], rateHz * channels * bits / 8);
        BinaryPrimitives.WriteInt16LittleEndian(header[32..], (short)(channels * bits / 8));
        BinaryPrimitives.WriteInt16LittleEndian(header[34..], (short)bits);
        "data"u8.CopyTo(header[36..]);
        BinaryPrimitives.WriteUInt32LittleEndian(header[40..], claimedBytes ?? (uint)data.Length);
        data.CopyTo(file, 44);
        return file;
    }

    /// <summary>Returns the samples of a mono sine wave at half of full scale.</summary>
    public static float[] Sine(int rateHz, double frequencyHz, double seconds) =>
        [.. Enumerable.Range(0, (int)(seconds * rateHz)).Select(i => (float)(0.5 * Math.Sin(2 * Math.PI * frequencyHz * i / rateHz)))];
}
