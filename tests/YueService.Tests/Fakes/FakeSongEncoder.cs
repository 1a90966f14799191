using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Text;
using Yue.Engine.Audio;
using YueService.Jobs.Audio;

namespace YueService.Tests.Fakes;

/// <summary>Writes real WAV files. Files of other formats contain only the name of the format, and these formats can be disabled.</summary>
internal sealed class FakeSongEncoder : ISongEncoder
{
    public bool HasFfmpeg { get; set; } = true;

    /// <summary>An action that runs before each file is encoded.</summary>
    public Func<CancellationToken, Task> Prepare { get; set; } = _ => Task.CompletedTask;

    /// <summary>The tags of the encoded files, in order.</summary>
    public ConcurrentQueue<(AudioFormat Format, SoundTags Tags)> Tags { get; } = new();

    /// <summary>True to write tags to WAV files.</summary>
    public bool WritesTags { get; set; }

    /// <summary>The loudness of every clip.</summary>
    public Loudness Loudness { get; set; } = new(-20, -10);

    public Loudness Measure(AudioClip clip) => Loudness;

    public bool Supports(AudioFormat format) => format == AudioFormat.Wav || HasFfmpeg;

    public async Task<byte[]> EncodeAsync(AudioClip clip, AudioFormat format, SoundTags tags, CancellationToken cancel)
    {
        await Prepare(cancel);
        Tags.Enqueue((format, tags));
        return format != AudioFormat.Wav ? Encoding.ASCII.GetBytes(format.Name())
            : WritesTags ? WavFile.ToBytes(clip, tags)
            : Wav(clip);
    }

    private static byte[] Wav(AudioClip clip)
    {
        const int HeaderBytes = 44;
        var file = new byte[HeaderBytes + (2 * clip.Samples.Length)];
        var span = file.AsSpan();
        "RIFF"u8.CopyTo(span);
        BinaryPrimitives.WriteInt32LittleEndian(span[4..], file.Length - 8);
        "WAVEfmt "u8.CopyTo(span[8..]);
        BinaryPrimitives.WriteInt32LittleEndian(span[16..], 16);
        BinaryPrimitives.WriteInt16LittleEndian(span[20..], 1);
        BinaryPrimitives.WriteInt16LittleEndian(span[22..], (short)clip.Channels);
        BinaryPrimitives.WriteInt32LittleEndian(span[24..], clip.SampleRateHz);
        BinaryPrimitives.WriteInt32LittleEndian(span[28..], clip.Format.BlockBytes * clip.SampleRateHz);
        BinaryPrimitives.WriteInt16LittleEndian(span[32..], (short)clip.Format.BlockBytes);
        BinaryPrimitives.WriteInt16LittleEndian(span[34..], 16);
        "data"u8.CopyTo(span[36..]);
        BinaryPrimitives.WriteInt32LittleEndian(span[40..], 2 * clip.Samples.Length);
        for (var i = 0; i < clip.Samples.Length; i++)
        {
            BinaryPrimitives.WriteInt16LittleEndian(span[(HeaderBytes + (2 * i))..], (short)(clip.Samples[i] * short.MaxValue));
        }

        return file;
    }
}
