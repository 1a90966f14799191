using System.Buffers.Binary;
using System.Text;
using NAudio.Utils;
using NAudio.Wave;
using NAudio.Wave.SampleProviders;

namespace Yue.Engine.Audio.Readers;

/// <summary>Finds the samples of an AIFF or AIFF-C file and passes them to NAudio's converters.</summary>
/// <remarks>The header is read here because NAudio's reader treats signed bytes as unsigned, supports neither floats nor little-endian
/// samples, and does not detect truncated files (docs/adr/0018-sound-files-are-read-in-process.md).</remarks>
internal static class AiffHeader
{
    private const int CommonSize = 18;
    private const int MaxSampleRateHz = 1_000_000;

    /// <summary>Returns true if a file has the signature of AIFF or AIFF-C.</summary>
    public static bool HasSignature(ReadOnlySpan<byte> file) =>
        file.Length >= 12 && file[..4].SequenceEqual("FORM"u8)
            && (file[8..12].SequenceEqual("AIFF"u8) || file[8..12].SequenceEqual("AIFC"u8));

    /// <summary>Opens a file for reading.</summary>
    /// <exception cref="ClipFaultException">The file is truncated before its sound or inconsistent, or has an unsupported
    /// encoding.</exception>
    public static PcmReader Open(byte[] file)
    {
        var chunks = Chunks.Read(file, isBigEndian: true, _ => false);
        var common = chunks.FirstOrDefault(chunk => chunk.Id == "COMM");
        var data = chunks.FirstOrDefault(chunk => chunk.Id == "SSND");
        if (common.Size < CommonSize || data.Size < 8)
        {
            throw new ClipFaultException("is cut short: it has no complete COMM and SSND chunks");
        }

        var (format, isBigEndian) = ReadFormat(file.AsSpan(common.Start, common.Size));
        var offset = BinaryPrimitives.ReadUInt32BigEndian(file.AsSpan(data.Start));
        if (offset > data.Size - 8)
        {
            throw new ClipFaultException($"states that its sound begins {offset} bytes into a chunk of {data.Size} bytes");
        }

        var length = (data.Size - 8 - (int)offset) / format.BlockAlign;
        var bytes = file.AsSpan(data.Start + 8 + (int)offset, length * format.BlockAlign).ToArray();
        ToNative(bytes, format.BitsPerSample / 8, isBigEndian);
        var stream = new RawSourceWaveStream(bytes, 0, bytes.Length, format);
        return new PcmReader(
            format.BitsPerSample == 64 ? new WaveToSampleProvider64(stream) : stream.ToSampleProvider(),
            length,
            BinaryPrimitives.ReadUInt32BigEndian(file.AsSpan(common.Start + 2)));
    }

    private static (WaveFormat Format, bool IsBigEndian) ReadFormat(ReadOnlySpan<byte> chunk)
    {
        var channels = BinaryPrimitives.ReadUInt16BigEndian(chunk);
        var bits = BinaryPrimitives.ReadUInt16BigEndian(chunk[6..]);
        var rate = IEEE.ConvertFromIeeeExtended(chunk.Slice(8, 10).ToArray());
        var compression = chunk.Length >= CommonSize + 4 ? Encoding.Latin1.GetString(chunk.Slice(CommonSize, 4)) : "NONE";
        if (!(rate is >= 1 and <= MaxSampleRateHz))
        {
            throw new ClipFaultException(FormattableString.Invariant($"states {rate} Hz; 1 to {MaxSampleRateHz} Hz are supported"));
        }

        var isFloat = compression is "fl32" or "FL32" or "fl64" or "FL64";
        var container = isFloat ? compression[2..] == "64" ? 64 : 32 : (bits + 7) / 8 * 8;
        if (!isFloat && compression is not ("NONE" or "twos" or "sowt"))
        {
            throw new ClipFaultException($"is an AIFF-C file with compression '{compression}', which is not supported; send PCM or float");
        }

        if (channels is 0 or > 256 || (!isFloat && bits is 0 or > 32))
        {
            throw new ClipFaultException($"has an invalid format (channels: {channels}, bits: {bits})");
        }

        var format = isFloat
            ? WaveFormat.CreateCustomFormat(
                WaveFormatEncoding.IeeeFloat, (int)rate, channels, (int)rate * channels * container / 8,
                channels * container / 8, container)
            : new WaveFormat((int)rate, container, channels);
        return (format, compression != "sowt");
    }

    /// <summary>Converts samples to the format of WAV files: little-endian, and unsigned for bytes.</summary>
    private static void ToNative(Span<byte> bytes, int sampleBytes, bool isBigEndian)
    {
        if (sampleBytes == 1)
        {
            foreach (ref var sample in bytes)
            {
                sample ^= 0x80;
            }
        }
        else if (isBigEndian)
        {
            for (; bytes.Length > 0; bytes = bytes[sampleBytes..])
            {
                bytes[..sampleBytes].Reverse();
            }
        }
    }
}
