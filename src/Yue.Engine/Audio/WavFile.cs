using System.Buffers.Binary;
using System.Runtime.InteropServices;
using NAudio.Wave;
using Yue.Engine.Audio.Readers;

namespace Yue.Engine.Audio;

/// <summary>The sound of a file: interleaved samples of all channels.</summary>
/// <param name="Interleaved">One sample of every channel, then the next of every channel; full scale ±1.</param>
/// <param name="Channels">The number of channels.</param>
/// <param name="SampleRateHz">Samples per second, per channel.</param>
public sealed record WavSound(float[] Interleaved, int Channels, int SampleRateHz)
{
    /// <summary>Returns the mean of the channels (the codec's input; docs/model.md 5.8).</summary>
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

/// <summary>Writes 16-bit WAV files, and reads WAV files of any supported encoding.</summary>
/// <remarks>Samples of 16 bits are divided by 32,768 when they are read and multiplied by it when they are written, so a file that is read
/// and written again has identical samples.</remarks>
public static class WavFile
{
    /// <summary>The number of bytes before the samples of a file that this program wrote.</summary>
    public const int HeaderBytes = 44;

    private const int ChannelsAt = 22;
    private const int SampleRateAt = 24;

    /// <summary>Returns a 16-bit PCM file, with each sample rounded to the nearest step; samples past ±1 clip.</summary>
    /// <param name="clip">The sound.</param>
    /// <param name="tags">The metadata, which is written after the samples; null for none.</param>
    /// <exception cref="ArgumentException">A sample is not a number, or the clip is too long for the format.</exception>
    public static byte[] ToBytes(AudioClip clip, SoundTags? tags = null)
    {
        var info = tags?.ToRiffInfo() ?? [];
        var size = HeaderBytes + ((long)clip.Samples.Length * sizeof(short)) + info.Length;
        if (size > Array.MaxLength)
        {
            throw new ArgumentException($"{clip.Samples.Length} samples do not fit in a WAV file of {Array.MaxLength} bytes", nameof(clip));
        }

        using var file = new MemoryStream((int)size);
        using (var writer = new WaveFileWriter(file, new WaveFormat(clip.SampleRateHz, 16, clip.Channels)))
        {
            var steps = new short[8192];
            for (var start = 0; start < clip.Samples.Length; start += steps.Length)
            {
                var count = Math.Min(steps.Length, clip.Samples.Length - start);
                for (var i = 0; i < count; i++)
                {
                    steps[i] = Step(clip.Samples[start + i], start + i);
                }

                writer.Write(MemoryMarshal.AsBytes(steps.AsSpan(0, count)));
            }

            writer.Flush();
            if (info.Length > 0)
            {
                return WithInfo(file.GetBuffer().AsSpan(0, (int)file.Length), info);
            }
        }

        return file.GetBuffer().Length == file.Length ? file.GetBuffer() : file.ToArray();
    }

    private static byte[] WithInfo(ReadOnlySpan<byte> wav, byte[] info)
    {
        byte[] file = [.. wav, .. info];
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(4), file.Length - 8);
        return file;
    }

    /// <summary>Returns the header of a 16-bit PCM file of unknown length. Players read until the end of the stream.</summary>
    public static byte[] StreamHeader(PcmFormat format)
    {
        var header = ToBytes(new AudioClip([], format.SampleRateHz, format.Channels));
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(4), uint.MaxValue);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(header.Length - sizeof(uint)), uint.MaxValue);
        return header;
    }

    /// <summary>Returns the size in bytes of the samples of a file that this program wrote.</summary>
    /// <param name="header">The first <see cref="HeaderBytes"/> bytes of the file.</param>
    public static long SampleBytes(ReadOnlySpan<byte> header) =>
        BinaryPrimitives.ReadUInt32LittleEndian(header[(HeaderBytes - sizeof(uint))..]);

    /// <summary>Returns the format of the samples of a file that this program wrote.</summary>
    /// <param name="header">The first <see cref="HeaderBytes"/> bytes of the file.</param>
    public static PcmFormat FormatOf(ReadOnlySpan<byte> header) => new(
        BinaryPrimitives.ReadInt32LittleEndian(header[SampleRateAt..]), BinaryPrimitives.ReadInt16LittleEndian(header[ChannelsAt..]));

    /// <summary>Returns samples as 16-bit PCM, as <see cref="ToBytes"/> writes them.</summary>
    public static byte[] ToPcm(ReadOnlySpan<float> samples)
    {
        var bytes = new byte[samples.Length * sizeof(short)];
        for (var i = 0; i < samples.Length; i++)
        {
            BinaryPrimitives.WriteInt16LittleEndian(bytes.AsSpan(i * sizeof(short)), Step(samples[i], i));
        }

        return bytes;
    }

    /// <summary>Reads a whole file: PCM of 8, 16, 24 or 32 bits, float, A-law or mu-law, with up to 256 channels.</summary>
    /// <exception cref="InvalidDataException">The file is truncated, inconsistent, or of another kind; the message says what was
    /// found.</exception>
    public static WavSound Parse(byte[] file)
    {
        try
        {
            using var reader = WavHeader.Open(file);
            if (reader.ClaimedLength > reader.Length)
            {
                throw new ClipFaultException(
                    $"is cut short: its header states {reader.ClaimedLength} samples, but it contains {reader.Length}");
            }

            var samples = new float[reader.Length * reader.Channels];
            for (var count = 0; count < samples.Length && reader.Read(samples.AsSpan(count)) is > 0 and var read; count += read)
            {
            }

            return new WavSound(samples, reader.Channels, reader.SampleRateHz);
        }
        catch (ClipFaultException e)
        {
            throw new InvalidDataException($"the WAV file {e.Message}", e);
        }
    }

    private static short Step(float sample, int index) => float.IsNaN(sample)
        ? throw new ArgumentException($"sample {index} is not a number")
        : (short)Math.Clamp(MathF.Round(sample * 32768f), short.MinValue, short.MaxValue);
}
