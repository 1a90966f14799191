using System.Buffers.Binary;
using System.Globalization;

namespace Yue.Engine.Audio;

/// <summary>The file formats of songs.</summary>
public enum AudioFormat
{
    Wav,
    Flac,
    Mp3,
}

/// <summary>The stream formats of songs.</summary>
public enum StreamFormat
{
    Wav,

    /// <summary>16-bit little-endian samples without a header.</summary>
    Pcm,
    Mp3,

    /// <summary>Opus in Ogg.</summary>
    Opus,

    /// <summary>AAC in ADTS.</summary>
    Aac,
    Flac,
}

/// <summary>Encodes sound as files and streams: WAV files in this process, everything else with an ffmpeg process.</summary>
/// <remarks>Samples past ±1 clip in every format. Sound is passed to and from ffmpeg through pipes and is not written to disk.
/// Thread-safe.</remarks>
public sealed class AudioEncoder
{
    private readonly string? _ffmpeg;
    private readonly TimeSpan _timeLimit;

    /// <summary>Looks for ffmpeg.</summary>
    /// <param name="ffmpeg">The executable's path. If null, <c>ffmpeg</c> is looked up in the folders of PATH.</param>
    /// <param name="timeLimit">The time limit for one encoding; two minutes if null.</param>
    public AudioEncoder(string? ffmpeg = null, TimeSpan? timeLimit = null)
    {
        _ffmpeg = ffmpeg is null ? ProgramPath.Find("ffmpeg") : File.Exists(ffmpeg) ? ffmpeg : null;
        _timeLimit = timeLimit ?? TimeSpan.FromMinutes(2);
    }

    /// <summary>True if ffmpeg was found. Without it, only <see cref="AudioFormat.Wav"/> can be written.</summary>
    public bool IsAvailable => _ffmpeg is not null;

    /// <summary>Returns true if a format can be written here.</summary>
    public bool CanWrite(AudioFormat format) => format == AudioFormat.Wav || IsAvailable;

    /// <summary>Encodes a clip as a file: 16-bit WAV, 16-bit FLAC, or MP3 at 256 kbit/s.</summary>
    /// <param name="clip">The sound.</param>
    /// <param name="format">The kind of file.</param>
    /// <param name="tags">The metadata for the file; null for none. It is not passed to ffmpeg, because other users of the machine can read
    /// the command lines of processes.</param>
    /// <param name="cancel">Kills ffmpeg.</param>
    /// <exception cref="FfmpegException">ffmpeg is missing, failed, or exceeded the time limit.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; ffmpeg is killed first.</exception>
    public async Task<byte[]> EncodeAsync(AudioClip clip, AudioFormat format, SoundTags? tags = null, CancellationToken cancel = default)
    {
        cancel.ThrowIfCancellationRequested();
        if (format == AudioFormat.Wav)
        {
            return WavFile.ToBytes(clip, tags);
        }

        var wav = WavFile.ToBytes(clip);

        string[] codec = format switch
        {
            AudioFormat.Flac => ["-c:a", "flac", "-f", "flac"],
            AudioFormat.Mp3 => ["-c:a", "libmp3lame", "-b:a", "256k", "-id3v2_version", tags is null ? "4" : "0", "-f", "mp3"],
            _ => throw new ArgumentOutOfRangeException(nameof(format), format, "no such audio format"),
        };
        var file = await RunAsync(codec, wav, cancel);
        if (format == AudioFormat.Flac)
        {
            WriteFlacLength(file, clip.Length);
            return tags?.InFlac(file) ?? file;
        }

        return tags is null ? file : [.. tags.ToId3(), .. file];
    }

    /// <summary>Encodes sound that arrives in chunks.</summary>
    /// <param name="input">The format of the sound.</param>
    /// <param name="format">The format of the stream; not WAV or PCM, which need no encoder.</param>
    /// <param name="tags">The metadata, for formats that support tags; null for none. ffmpeg reads it from a file, because other users of
    /// the machine can read its command line.</param>
    /// <param name="write">Writes the sound to the encoder, until the sound ends.</param>
    /// <param name="read">Reads the encoded stream.</param>
    /// <param name="cancel">Kills ffmpeg.</param>
    /// <exception cref="FfmpegException">ffmpeg is missing or failed.</exception>
    public async Task EncodeStreamAsync(
        PcmFormat input,
        StreamFormat format,
        SoundTags? tags,
        Func<Stream, CancellationToken, Task> write,
        Func<Stream, CancellationToken, Task> read,
        CancellationToken cancel)
    {
        string[] codec = format switch
        {
            StreamFormat.Mp3 => ["-c:a", "libmp3lame", "-b:a", "256k", "-f", "mp3"],
            StreamFormat.Aac => ["-c:a", "aac", "-b:a", "192k", "-f", "adts"],
            StreamFormat.Flac => ["-c:a", "flac", "-f", "flac"],
            StreamFormat.Opus => ["-c:a", "libopus", "-b:a", "128k", "-f", "ogg", "-page_duration", "200000"],
            _ => throw new ArgumentOutOfRangeException(nameof(format), format, "this format needs no encoder"),
        };
        var metadata = tags is null ? null : await WriteMetadataAsync(tags, cancel);
        try
        {
            string[] arguments =
            [
                "-hide_banner", "-nostdin", "-loglevel", "error", "-fflags", "nobuffer", "-probesize", "32",
                "-f", "s16le", "-ar", Text(input.SampleRateHz), "-ac", Text(input.Channels), "-i", "pipe:0",
                .. metadata is null ? [] : (string[])["-f", "ffmetadata", "-i", metadata, "-map", "0:a", "-map_metadata", "1"],
                .. codec, "-flush_packets", "1", "pipe:1",
            ];
            var end = await FfmpegProcess.RunStreamAsync(_ffmpeg, arguments, write, read, Timeout.InfiniteTimeSpan, cancel);
            if (end.ExitCode != 0)
            {
                throw new FfmpegException($"ffmpeg ended with exit code {end.ExitCode}: {end.Error}");
            }
        }
        finally
        {
            if (metadata is not null)
            {
                File.Delete(metadata);
            }
        }
    }

    /// <summary>Writes tags into a temporary file that only this user can read.</summary>
    /// <returns>The path of the file.</returns>
    private static async Task<string> WriteMetadataAsync(SoundTags tags, CancellationToken cancel)
    {
        var path = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(path, tags.ToFfmetadata(), cancel);
            return path;
        }
        catch
        {
            File.Delete(path);
            throw;
        }
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private async Task<byte[]> RunAsync(string[] codec, byte[] wav, CancellationToken cancel)
    {
        using var output = new MemoryStream();
        string[] arguments = ["-hide_banner", "-nostdin", "-loglevel", "error", "-f", "wav", "-i", "pipe:0", .. codec, "pipe:1"];
        var end = await FfmpegProcess.RunAsync(
            _ffmpeg, arguments, wav, (stream, token) => stream.CopyToAsync(output, token), _timeLimit, cancel);
        return end.ExitCode == 0
            ? output.ToArray()
            : throw new FfmpegException($"ffmpeg ended with exit code {end.ExitCode}: {end.Error}");
    }

    /// <summary>Writes the number of samples into STREAMINFO, from which players get the song's length. ffmpeg leaves the number at 0 when
    /// it cannot seek in its output.</summary>
    private static void WriteFlacLength(Span<byte> file, long samples)
    {
        // "fLaC", a 4-byte block header, then STREAMINFO, whose bytes 10 to 17 end with the sample count in 36 bits.
        const int PackedFields = 4 + 4 + 10;
        if (file.Length >= PackedFields + 8 && file[..4].SequenceEqual("fLaC"u8) && (file[4] & 0x7F) == 0)
        {
            var fields = file[PackedFields..];
            const ulong Count = (1UL << 36) - 1;
            var packed = BinaryPrimitives.ReadUInt64BigEndian(fields);
            BinaryPrimitives.WriteUInt64BigEndian(fields, (packed & ~Count) | ((ulong)samples & Count));
        }
    }
}
