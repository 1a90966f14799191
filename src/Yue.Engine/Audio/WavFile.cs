using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Yue.Engine.Audio;

/// <summary>Sound as a file holds it: samples of all channels, interleaved.</summary>
/// <param name="Interleaved">One sample of every channel, then the next of every channel; full scale ±1.</param>
/// <param name="Channels">How many channels there are.</param>
/// <param name="SampleRateHz">Samples a second and channel.</param>
public sealed record WavSound(float[] Interleaved, int Channels, int SampleRateHz)
{
    /// <summary>The mean of the channels (MODEL.md 5.8: how the codec hears a file).</summary>
    public AudioClip ToMono()
    {
        if (Channels == 1)
        {
            return new AudioClip(Interleaved, SampleRateHz);
        }

        var mono = new float[Interleaved.Length / Channels];
        for (var i = 0; i < mono.Length; i++)
        {
            var sum = 0f;
            foreach (var sample in Interleaved.AsSpan(i * Channels, Channels))
            {
                sum += sample;
            }

            mono[i] = sum / Channels;
        }

        return new AudioClip(mono, SampleRateHz);
    }
}

/// <summary>Reads WAV files of the usual kinds and writes mono 16-bit ones.</summary>
/// <remarks>A 16-bit sample is value · 32768 in both directions, so what was read is written back bit for bit.</remarks>
public static class WavFile
{
    private const int HeaderBytes = 44;
    private const ushort FormatPcm = 1;
    private const ushort FormatFloat = 3;
    private const ushort FormatExtensible = 0xFFFE;
    private const uint UnknownSize = uint.MaxValue;
    private const int MaxSampleRateHz = 1_000_000;

    /// <summary>The bytes 4 to 15 of every sub-format id; bytes 0 to 3 are the format tag.</summary>
    private static ReadOnlySpan<byte> SubFormatTail => [0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71];

    /// <summary>Writes a mono 16-bit PCM file, rounding to the nearest step.</summary>
    /// <returns>How many samples lay past ±1 and were clipped.</returns>
    /// <exception cref="ArgumentException">A sample is not a number, or the clip is longer than the format can say.</exception>
    public static long Write(Stream destination, AudioClip clip)
    {
        var dataBytes = (long)clip.Samples.Length * sizeof(short);
        if (dataBytes > uint.MaxValue - HeaderBytes)
        {
            throw new ArgumentException($"{clip.Samples.Length} samples do not fit a WAV file", nameof(clip));
        }

        Span<byte> header = stackalloc byte[HeaderBytes];
        "RIFF"u8.CopyTo(header);
        BinaryPrimitives.WriteUInt32LittleEndian(header[4..], (uint)(HeaderBytes - 8 + dataBytes));
        "WAVEfmt "u8.CopyTo(header[8..]);
        BinaryPrimitives.WriteUInt32LittleEndian(header[16..], 16);
        BinaryPrimitives.WriteUInt16LittleEndian(header[20..], FormatPcm);
        BinaryPrimitives.WriteUInt16LittleEndian(header[22..], 1);
        BinaryPrimitives.WriteUInt32LittleEndian(header[24..], (uint)clip.SampleRateHz);
        BinaryPrimitives.WriteUInt32LittleEndian(header[28..], (uint)clip.SampleRateHz * sizeof(short));
        BinaryPrimitives.WriteUInt16LittleEndian(header[32..], sizeof(short));
        BinaryPrimitives.WriteUInt16LittleEndian(header[34..], 16);
        "data"u8.CopyTo(header[36..]);
        BinaryPrimitives.WriteUInt32LittleEndian(header[40..], (uint)dataBytes);
        destination.Write(header);

        var clipped = 0L;
        var buffer = new byte[16384];
        for (var start = 0; start < clip.Samples.Length; start += buffer.Length / sizeof(short))
        {
            var samples = clip.Samples.AsSpan(start, Math.Min(buffer.Length / sizeof(short), clip.Samples.Length - start));
            for (var i = 0; i < samples.Length; i++)
            {
                var sample = samples[i];
                if (float.IsNaN(sample))
                {
                    throw new ArgumentException($"sample {start + i} is not a number", nameof(clip));
                }

                clipped += Math.Abs(sample) > 1f ? 1 : 0;
                var step = Math.Clamp(MathF.Round(sample * 32768f), short.MinValue, short.MaxValue);
                BinaryPrimitives.WriteInt16LittleEndian(buffer.AsSpan(i * sizeof(short)), (short)step);
            }

            destination.Write(buffer.AsSpan(0, samples.Length * sizeof(short)));
        }

        return clipped;
    }

    /// <summary>The file that <see cref="Write"/> writes.</summary>
    public static byte[] ToBytes(AudioClip clip)
    {
        using var file = new MemoryStream(HeaderBytes + (clip.Samples.Length * sizeof(short)));
        Write(file, clip);
        return file.GetBuffer().Length == file.Length ? file.GetBuffer() : file.ToArray();
    }

    /// <summary>Reads PCM of 8, 16, 24 or 32 bits or 32-bit float, any number of channels; unknown chunks are skipped.</summary>
    /// <param name="file">The whole file. A data chunk of unknown size (0xFFFFFFFF, as pipes write it) runs to the end.</param>
    /// <exception cref="InvalidDataException">The file is cut short, contradicts itself, or is of another kind; the
    /// message says what was found.</exception>
    public static WavSound Parse(ReadOnlySpan<byte> file)
    {
        if (file.Length < 12 || !file[..4].SequenceEqual("RIFF"u8) || !file[8..12].SequenceEqual("WAVE"u8))
        {
            throw new InvalidDataException("not a WAV file: it does not begin with RIFF and WAVE");
        }

        SampleFormat? format = null;
        var position = 12;
        while (position + 8 <= file.Length)
        {
            var id = file.Slice(position, 4);
            var size = BinaryPrimitives.ReadUInt32LittleEndian(file[(position + 4)..]);
            position += 8;
            var left = file.Length - position;
            var isData = id.SequenceEqual("data"u8);
            var toTheEnd = isData && size == UnknownSize;
            if (size > left && !toTheEnd)
            {
                throw new InvalidDataException(
                    $"the WAV file is cut short: chunk '{Printable(id)}' of {size} bytes has {left}");
            }

            var chunk = file.Slice(position, toTheEnd ? left : (int)size);
            if (id.SequenceEqual("fmt "u8))
            {
                format = ParseFormat(chunk);
            }
            else if (isData)
            {
                return Samples(
                    chunk, toTheEnd, format ?? throw new InvalidDataException("the WAV file has its data before its format"));
            }

            // Chunks begin at even offsets. A last chunk of odd size may lack the padding byte.
            position = (int)Math.Min(position + (long)size + (size & 1), file.Length);
        }

        throw new InvalidDataException("the WAV file has no data chunk");
    }

    /// <summary>The lengths that a WAV file's header claims and that its data has, where the claim is over a second too long; null for
    /// any other file, one of unknown size among them.</summary>
    public static (double ClaimedSeconds, double Seconds)? OverstatedSeconds(ReadOnlySpan<byte> file)
    {
        if (file.Length < 12 || !file[..4].SequenceEqual("RIFF"u8) || !file[8..12].SequenceEqual("WAVE"u8))
        {
            return null;
        }

        var bytesPerSecond = 0u;
        for (var position = 12L; position + 8 <= file.Length;)
        {
            var id = file.Slice((int)position, 4);
            var size = BinaryPrimitives.ReadUInt32LittleEndian(file[((int)position + 4)..]);
            position += 8;
            if (id.SequenceEqual("fmt "u8) && file.Length - position >= 12)
            {
                bytesPerSecond = BinaryPrimitives.ReadUInt32LittleEndian(file[((int)position + 8)..]);
            }
            else if (id.SequenceEqual("data"u8))
            {
                var missing = (double)size - (file.Length - position);
                return bytesPerSecond > 0 && size != UnknownSize && missing > bytesPerSecond
                    ? ((double)size / bytesPerSecond, (double)(file.Length - position) / bytesPerSecond)
                    : null;
            }

            position += size + (size & 1);
        }

        return null;
    }

    private static SampleFormat ParseFormat(ReadOnlySpan<byte> chunk)
    {
        if (chunk.Length < 16)
        {
            throw new InvalidDataException($"the WAV format chunk has {chunk.Length} bytes, at least 16 are needed");
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
                throw new InvalidDataException("the WAV file is of an extensible format without a known sub-format");
            }

            tag = BinaryPrimitives.ReadUInt16LittleEndian(chunk[24..]);
        }

        if ((tag, bits) is not ((FormatPcm, 8 or 16 or 24 or 32) or (FormatFloat, 32)))
        {
            throw new InvalidDataException(
                $"the WAV file has format tag {tag} with {bits} bits; PCM of 8, 16, 24 or 32 bits and 32-bit float are read");
        }

        if (channels == 0 || blockBytes != channels * (bits / 8))
        {
            throw new InvalidDataException($"the WAV file says {channels} channels of {bits} bits in blocks of {blockBytes} bytes");
        }

        if (sampleRateHz is 0 or > MaxSampleRateHz)
        {
            throw new InvalidDataException($"the WAV file says {sampleRateHz} Hz; 1 to {MaxSampleRateHz} Hz are read");
        }

        return new SampleFormat(tag == FormatFloat, bits / 8, channels, (int)sampleRateHz);
    }

    private static WavSound Samples(ReadOnlySpan<byte> data, bool ofUnknownSize, SampleFormat format)
    {
        var blockBytes = format.Channels * format.SampleBytes;
        var rest = data.Length % blockBytes;
        if (rest != 0 && !ofUnknownSize)
        {
            throw new InvalidDataException($"the WAV data of {data.Length} bytes is no whole number of blocks of {blockBytes} bytes");
        }

        data = data[..^rest];
        var samples = new float[data.Length / format.SampleBytes];
        if (format.IsFloat)
        {
            for (var i = 0; i < samples.Length; i++)
            {
                samples[i] = BinaryPrimitives.ReadSingleLittleEndian(data[(i * sizeof(float))..]);
                if (!float.IsFinite(samples[i]))
                {
                    throw new InvalidDataException($"sample {i} of the WAV file is not finite");
                }
            }
        }
        else
        {
            ReadPcm(data, format.SampleBytes, samples);
        }

        return new WavSound(samples, format.Channels, format.SampleRateHz);
    }

    private static void ReadPcm(ReadOnlySpan<byte> data, int sampleBytes, Span<float> samples)
    {
        switch (sampleBytes)
        {
            case 1: // Unsigned, silence at 128.
                for (var i = 0; i < samples.Length; i++)
                {
                    samples[i] = (data[i] - 128) / 128f;
                }

                break;
            case 2:
                for (var i = 0; i < samples.Length; i++)
                {
                    samples[i] = BinaryPrimitives.ReadInt16LittleEndian(data[(i * 2)..]) / 32768f;
                }

                break;
            case 3:
                for (var i = 0; i < samples.Length; i++)
                {
                    var value = data[i * 3] | (data[(i * 3) + 1] << 8) | ((sbyte)data[(i * 3) + 2] << 16);
                    samples[i] = value / 8388608f;
                }

                break;
            default:
                for (var i = 0; i < samples.Length; i++)
                {
                    samples[i] = BinaryPrimitives.ReadInt32LittleEndian(data[(i * 4)..]) / 2147483648f;
                }

                break;
        }
    }

    private static string Printable(ReadOnlySpan<byte> id) =>
        string.Concat(id.ToArray().Select(value => value is >= 0x20 and < 0x7F ? (char)value : '?'));

    [StructLayout(LayoutKind.Auto)]
    private readonly record struct SampleFormat(bool IsFloat, int SampleBytes, int Channels, int SampleRateHz);
}
