using System.Buffers.Binary;
using NAudio.Wave;
using NAudio.Wave.SampleProviders;

namespace Yue.Engine.Audio.Readers;

/// <summary>Finds the samples of a WAV file and passes them to NAudio's converters.</summary>
/// <remarks>The header is read here because NAudio's reader does not detect truncated files and trusts every size
/// (docs/adr/0018-sound-files-are-read-in-process.md).</remarks>
internal static class WavHeader
{
    private const ushort FormatPcm = 1;
    private const ushort FormatFloat = 3;
    private const ushort FormatALaw = 6;
    private const ushort FormatMuLaw = 7;
    private const ushort FormatExtensible = 0xFFFE;
    private const int MaxChannels = 256;
    private const int MaxSampleRateHz = 1_000_000;

    // No supported file is this long. Programs that write to a pipe claim this much or more: 0x7FFFF000, 0x7FFFFFFF, 0xFFFFFFFF.
    private const uint SmallestPlaceholder = 0x7FFF_0000;

    /// <summary>Bytes 4 to 15 of every sub-format id; bytes 0 to 3 are the format tag.</summary>
    private static ReadOnlySpan<byte> SubFormatTail => [0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71];

    /// <summary>Returns true if a file has the signature of WAV.</summary>
    public static bool HasSignature(ReadOnlySpan<byte> file) =>
        file.Length >= 12 && (file[..4].SequenceEqual("RIFF"u8) || file[..4].SequenceEqual("RF64"u8))
            && file[8..12].SequenceEqual("WAVE"u8);

    /// <summary>Opens a file for reading. A data chunk with size 0 or a placeholder size extends to the end of the file.</summary>
    /// <exception cref="ClipFaultException">The file is truncated before its sound or inconsistent, or has an unsupported
    /// encoding.</exception>
    public static PcmReader Open(byte[] file)
    {
        if (!HasSignature(file))
        {
            throw new ClipFaultException("is not a WAV file: it does not begin with RIFF and WAVE");
        }

        WaveFormat? format = null;
        foreach (var chunk in Chunks.Read(file, isBigEndian: false, id => id == "data"))
        {
            if (chunk.Id == "data")
            {
                return OpenData(file, chunk, format ?? throw new ClipFaultException("has its data before its format"));
            }

            if (chunk.IsCut)
            {
                throw new ClipFaultException($"is cut short: its chunk '{chunk.Id}' has only {chunk.Size} of {chunk.ClaimedSize} bytes");
            }

            if (chunk.Id == "fmt ")
            {
                format = ReadFormat(file.AsSpan(chunk.Start, chunk.Size));
            }
        }

        throw new ClipFaultException("has no data chunk");
    }

    private static PcmReader OpenData(byte[] file, Chunk data, WaveFormat format)
    {
        var isPlaceholder = data.ClaimedSize is 0 or >= SmallestPlaceholder;
        var size = isPlaceholder ? file.Length - data.Start : data.Size;
        var rest = size % format.BlockAlign;
        if (rest != 0 && !isPlaceholder && !data.IsCut)
        {
            throw new ClipFaultException($"has {size} bytes of data, which is not a whole number of blocks of {format.BlockAlign} bytes");
        }

        var stream = new RawSourceWaveStream(file, data.Start, size - rest, format);
        ISampleProvider samples = format.Encoding switch
        {
            WaveFormatEncoding.ALaw or WaveFormatEncoding.MuLaw => new G711SampleProvider(stream),
            WaveFormatEncoding.IeeeFloat when format.BitsPerSample == 64 => new WaveToSampleProvider64(stream),
            _ => stream.ToSampleProvider(),
        };
        return new PcmReader(samples, size / format.BlockAlign, isPlaceholder ? null : data.ClaimedSize / format.BlockAlign);
    }

    private static WaveFormat ReadFormat(ReadOnlySpan<byte> chunk)
    {
        if (chunk.Length < 16)
        {
            throw new ClipFaultException($"has a format chunk of {chunk.Length} bytes; at least 16 are needed");
        }

        var tag = BinaryPrimitives.ReadUInt16LittleEndian(chunk);
        var channels = BinaryPrimitives.ReadUInt16LittleEndian(chunk[2..]);
        var sampleRateHz = BinaryPrimitives.ReadUInt32LittleEndian(chunk[4..]);
        var blockBytes = BinaryPrimitives.ReadUInt16LittleEndian(chunk[12..]);
        var bits = BinaryPrimitives.ReadUInt16LittleEndian(chunk[14..]);
        if (tag == FormatExtensible)
        {
            if (chunk.Length < 40 || !chunk[28..40].SequenceEqual(SubFormatTail))
            {
                throw new ClipFaultException("has an extensible format without a known sub-format");
            }

            tag = BinaryPrimitives.ReadUInt16LittleEndian(chunk[24..]);
        }

        // Samples with fewer bits than their container are in its upper bits, so only the container's size matters.
        var containerBits = channels == 0 ? 0 : blockBytes / channels * 8;
        if ((tag, bits) is not ((FormatPcm, > 0 and <= 32) or (FormatFloat, 32 or 64) or (FormatALaw or FormatMuLaw, 8)))
        {
            throw new ClipFaultException(
                $"has WAV format tag {tag} and {bits} bits per sample; send PCM of 8 to 32 bits, float, A-law or mu-law");
        }

        if (channels is 0 or > MaxChannels || blockBytes % channels != 0 || containerBits < bits
            || containerBits > (tag == FormatPcm ? 32 : bits))
        {
            throw new ClipFaultException($"has an invalid format (channels: {channels}, bits: {bits}, bytes per block: {blockBytes})");
        }

        if (sampleRateHz is 0 or > MaxSampleRateHz)
        {
            throw new ClipFaultException($"states {sampleRateHz} Hz; 1 to {MaxSampleRateHz} Hz are supported");
        }

        return tag switch
        {
            FormatALaw => WaveFormat.CreateALawFormat((int)sampleRateHz, channels),
            FormatMuLaw => WaveFormat.CreateMuLawFormat((int)sampleRateHz, channels),
            FormatFloat => WaveFormat.CreateCustomFormat(
                WaveFormatEncoding.IeeeFloat, (int)sampleRateHz, channels, (int)sampleRateHz * blockBytes, blockBytes, containerBits),
            _ => new WaveFormat((int)sampleRateHz, containerBits, channels),
        };
    }
}
