using System.Buffers.Binary;
using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Yue.Engine.Audio;

/// <summary>The kinds of file that a song is written as.</summary>
public enum AudioFormat
{
    Wav,
    Flac,
    Mp3,
}

/// <summary>ffmpeg is missing, failed or took too long; the message ends with what it said.</summary>
public sealed class AudioEncodingException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>Turns a clip into the bytes of an audio file: WAV by itself, FLAC and MP3 through an ffmpeg process.</summary>
/// <remarks>Samples past ±1 clip in every format. Nothing is written to disk: sound goes to ffmpeg and comes back
/// through pipes. Safe to call from several threads.</remarks>
public sealed class AudioEncoder
{
    private const int MaxErrorLength = 2000;
    private const string Executable = "ffmpeg";

    private readonly string? _ffmpeg;
    private readonly TimeSpan _timeLimit;

    /// <summary>Looks for ffmpeg.</summary>
    /// <param name="ffmpeg">The executable's path; null looks for <c>ffmpeg</c> in the folders of PATH.</param>
    /// <param name="timeLimit">How long one encoding may take; null is two minutes.</param>
    public AudioEncoder(string? ffmpeg = null, TimeSpan? timeLimit = null)
    {
        _ffmpeg = ffmpeg is null ? FindOnPath() : File.Exists(ffmpeg) ? ffmpeg : null;
        _timeLimit = timeLimit ?? TimeSpan.FromMinutes(2);
    }

    /// <summary>Whether ffmpeg was found: without it only <see cref="AudioFormat.Wav"/> can be written.</summary>
    public bool IsAvailable => _ffmpeg is not null;

    /// <summary>Whether a format can be written here.</summary>
    public bool CanWrite(AudioFormat format) => format == AudioFormat.Wav || IsAvailable;

    /// <summary>The clip as a file: 16-bit WAV, 16-bit FLAC, or MP3 of 256 kbit/s.</summary>
    /// <exception cref="AudioEncodingException">ffmpeg is missing, failed, or ran past the time limit.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; ffmpeg is killed first.</exception>
    public async Task<byte[]> EncodeAsync(AudioClip clip, AudioFormat format, CancellationToken cancel = default)
    {
        cancel.ThrowIfCancellationRequested();
        var wav = WavFile.ToBytes(clip);
        if (format == AudioFormat.Wav)
        {
            return wav;
        }

        string[] codec = format switch
        {
            AudioFormat.Flac => ["-c:a", "flac", "-f", "flac"],
            AudioFormat.Mp3 => ["-c:a", "libmp3lame", "-b:a", "256k", "-f", "mp3"],
            _ => throw new ArgumentOutOfRangeException(nameof(format), format, "no such audio format"),
        };
        var file = await RunAsync(codec, wav, cancel);
        if (format == AudioFormat.Flac)
        {
            WriteFlacLength(file, clip.Samples.Length);
        }

        return file;
    }

    private async Task<byte[]> RunAsync(string[] codec, byte[] wav, CancellationToken cancel)
    {
        using var process = Start(codec);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(_timeLimit);
        using var output = new MemoryStream();
        var error = new StringBuilder();
        try
        {
            // All three pipes move at once: a full pipe that nobody reads would stop ffmpeg.
            await Task.WhenAll(
                FeedAsync(process, wav, limit.Token),
                process.StandardOutput.BaseStream.CopyToAsync(output, limit.Token),
                CollectAsync(process.StandardError, error, limit.Token));
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw new AudioEncodingException(string.Create(
                CultureInfo.InvariantCulture, $"ffmpeg took longer than {_timeLimit.TotalSeconds:0.###} s. {error}"));
        }
        finally
        {
            Kill(process);
        }

        return process.ExitCode == 0
            ? output.ToArray()
            : throw new AudioEncodingException($"ffmpeg ended with exit code {process.ExitCode}: {error}");
    }

    private Process Start(string[] codec)
    {
        var start = new ProcessStartInfo(_ffmpeg ?? throw new AudioEncodingException("ffmpeg was not found: only WAV can be written"))
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            CreateNoWindow = true,
        };
        string[] arguments = ["-hide_banner", "-nostdin", "-loglevel", "error", "-f", "wav", "-i", "pipe:0", .. codec, "pipe:1"];
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        try
        {
            return Process.Start(start) ?? throw new AudioEncodingException("ffmpeg could not be started");
        }
        catch (Win32Exception exception)
        {
            throw new AudioEncodingException($"ffmpeg could not be started: {exception.Message}", exception);
        }
    }

    private static async Task FeedAsync(Process process, byte[] wav, CancellationToken cancel)
    {
        try
        {
            await using var input = process.StandardInput.BaseStream;
            await input.WriteAsync(wav, cancel);
        }
        catch (IOException)
        {
            // ffmpeg closed its input: its exit code and error text say why.
        }
    }

    private static async Task CollectAsync(StreamReader reader, StringBuilder text, CancellationToken cancel)
    {
        var buffer = new char[1024];
        while (await reader.ReadAsync(buffer, cancel) is var count and > 0)
        {
            text.Append(buffer, 0, Math.Min(count, MaxErrorLength - text.Length));
        }
    }

    private static void Kill(Process process)
    {
        try
        {
            process.Kill(entireProcessTree: true);
        }
        catch (InvalidOperationException)
        {
            // It has ended.
        }
    }

    /// <summary>Puts the number of samples into STREAMINFO, which ffmpeg leaves at 0 when it cannot seek in its output:
    /// players show the song's length by it.</summary>
    private static void WriteFlacLength(Span<byte> file, long samples)
    {
        // "fLaC", a 4-byte block header, then STREAMINFO: bytes 10 to 17 of it end in 36 bits of sample count.
        const int PackedFields = 4 + 4 + 10;
        if (file.Length >= PackedFields + 8 && file[..4].SequenceEqual("fLaC"u8) && (file[4] & 0x7F) == 0)
        {
            var fields = file[PackedFields..];
            const ulong Count = (1UL << 36) - 1;
            var packed = BinaryPrimitives.ReadUInt64BigEndian(fields);
            BinaryPrimitives.WriteUInt64BigEndian(fields, (packed & ~Count) | ((ulong)samples & Count));
        }
    }

    private static string? FindOnPath()
    {
        var name = OperatingSystem.IsWindows() ? Executable + ".exe" : Executable;
        var folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(
            Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return folders.Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists);
    }
}
