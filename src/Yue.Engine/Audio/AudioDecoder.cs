using System.Globalization;
using System.Runtime.InteropServices;
using Yue.Engine.Audio.Readers;

namespace Yue.Engine.Audio;

/// <summary>A decoded part of a file.</summary>
/// <param name="Channels">Left and right for a file with two channels; otherwise one channel, the mean of all. Full scale ±1.</param>
/// <param name="SampleRateHz">The file's own sample rate.</param>
/// <param name="DurationSeconds">The length of the whole file in seconds.</param>
public sealed record DecodedSound(IReadOnlyList<float[]> Channels, int SampleRateHz, double DurationSeconds)
{
    /// <summary>Returns the mean of the channels (the codec's input; docs/model.md 5.8).</summary>
    public AudioClip ToMono() => new(
        Channels is [var left, var right] ? [.. left.Zip(right, (l, r) => (l + r) / 2)] : Channels[0], SampleRateHz);
}

/// <summary>The outcome of decoding a file.</summary>
/// <param name="Sound">The sound; null if the file was rejected.</param>
/// <param name="Fault">The reason why the file was rejected, as the end of a sentence about the file; null if it was decoded.</param>
/// <param name="Warning">A warning about a decoded file, as the end of a sentence about the file; null if there is none.</param>
public sealed record ClipDecoding(DecodedSound? Sound, string? Fault, string? Warning = null);

/// <summary>Reads untrusted sound files in bounded time and memory.</summary>
/// <remarks>
/// WAV, AIFF, mp3 and Ogg (Vorbis, Opus) are decoded in this process; flac (also in Ogg) and m4a by ffmpeg. Only the requested part is
/// kept. Samples are neither resampled nor normalized. In every format, time 0 is the first sample of the sound: the delay and the padding
/// of an encoder are removed if the file states them. Thread-safe.
/// </remarks>
public sealed class AudioDecoder
{
    public const int MaxBytes = 64 << 20;
    public const int MaxDurationSeconds = 600;
    public const int MaxChannels = ClipFaults.MaxChannels;
    public const int MinSampleRateHz = 4_000;
    public const int MaxSampleRateHz = 192_000;

    /// <summary>The supported kinds of files, for messages.</summary>
    public const string Kinds = ClipFaults.Kinds;

    /// <summary>The kinds of files that are supported without ffmpeg, for messages.</summary>
    public const string OwnKinds = "wav, aiff, mp3 or ogg";

    // A file may be up to MaxMissingSeconds shorter than its header states. Up to MaxUnmentionedSeconds, there is not even a warning.
    private const double MaxMissingSeconds = 1;
    private const double MaxUnmentionedSeconds = 0.1;

    private const int BufferFrames = 1 << 14;

    private readonly FfmpegDecoder _ffmpeg;
    private readonly TimeSpan _timeLimit;

    /// <summary>Looks for ffmpeg and ffprobe, and removes clips that killed processes left in the temporary folder more than an hour
    /// ago.</summary>
    /// <param name="programFolder">The folder of both programs. If null, they are looked up in the folders of PATH.</param>
    /// <param name="tempFolder">The folder for the files that ffmpeg reads; the system's folder for temporary files if null.</param>
    /// <param name="timeLimit">The time limit for decoding a file in this process, and for each run of ffprobe or ffmpeg; 30 seconds if
    /// null.</param>
    public AudioDecoder(string? programFolder = null, string? tempFolder = null, TimeSpan? timeLimit = null)
    {
        _timeLimit = timeLimit ?? TimeSpan.FromSeconds(30);
        _ffmpeg = new FfmpegDecoder(programFolder, tempFolder ?? Path.GetTempPath(), _timeLimit);
    }

    /// <summary>True if ffmpeg and ffprobe were found. Without them, m4a and flac files (also flac in Ogg) are rejected.</summary>
    public bool HasFfmpeg => _ffmpeg.IsAvailable;

    /// <summary>Decodes a part of a file.</summary>
    /// <param name="file">The whole file, as it was sent.</param>
    /// <param name="firstSecond">The start of the part in seconds.</param>
    /// <param name="seconds">The maximum length of the part in seconds.</param>
    /// <param name="cancel">Cancels the decoding.</param>
    public async Task<ClipDecoding> DecodeAsync(ReadOnlyMemory<byte> file, int firstSecond, int seconds, CancellationToken cancel)
    {
        try
        {
            if (file.Length is 0 or > MaxBytes)
            {
                return Fault(file.Length == 0 ? "is empty (0 bytes)" : $"has {file.Length} bytes, more than {MaxBytes}");
            }

            var (kind, start) = SoundKinds.Of(file.Span);
            return kind switch
            {
                SoundKind.Flac or SoundKind.Mp4 => await DecodeWithFfmpegAsync(file, kind, start, firstSecond, seconds, cancel),
                SoundKind.Ogg when OggFile.Open(ArrayOf(file[start..]), cancel) is { Codec: OggCodec.Flac } ogg =>
                    WithEnd(await DecodeWithFfmpegAsync(file, kind, start, firstSecond, seconds, cancel), ogg.IsCut),
                _ => await Task.Run(() => Decode(kind, ArrayOf(file[start..]), firstSecond, seconds, cancel), cancel),
            };
        }
        catch (ClipFaultException e)
        {
            return Fault(e.Message);
        }
    }

    /// <summary>Throws if a file is more than a second shorter than its header states.</summary>
    /// <returns>A warning if more than a tenth of a second is missing; otherwise null.</returns>
    internal static string? CheckLength(double claimedSeconds, double seconds) => (claimedSeconds - seconds) switch
    {
        > MaxMissingSeconds => throw new ClipFaultException(string.Create(
            CultureInfo.InvariantCulture, $"is cut short: its header states {claimedSeconds:0.#} s, but it contains {seconds:0.#} s")),
        > MaxUnmentionedSeconds => string.Create(
            CultureInfo.InvariantCulture, $"is cut short: its header states {claimedSeconds:0.##} s, but it contains {seconds:0.##} s"),
        _ => null,
    };

    internal static string TooLong => $"is longer than {MaxDurationSeconds / 60} minutes";

    private static ClipDecoding Fault(string fault) => new(null, fault);

    private static byte[] ArrayOf(ReadOnlyMemory<byte> file) =>
        MemoryMarshal.TryGetArray(file, out var segment) && segment is { Array: { } array, Offset: 0 } && array.Length == file.Length
            ? array
            : file.ToArray();

    private async Task<ClipDecoding> DecodeWithFfmpegAsync(
        ReadOnlyMemory<byte> file, SoundKind kind, int start, int firstSecond, int seconds, CancellationToken cancel)
    {
        var (claimed, pictures) = kind switch
        {
            SoundKind.Flac => FlacBlocks.Check(file.Span[start..]),
            SoundKind.Mp4 => (null, Mp4Boxes.Check(file.Span[start..])),
            _ => (null, []),
        };
        if (!HasFfmpeg)
        {
            var name = kind == SoundKind.Mp4 ? "an m4a" : "a flac";
            return Fault($"is {name} file, which needs ffmpeg and ffprobe, but they are not installed here. "
                + $"Install ffmpeg, or send {OwnKinds}");
        }

        var input = new FfmpegInput(file, kind, claimed, [.. pictures.Select(place => place + start)]);
        return await _ffmpeg.DecodeAsync(input, firstSecond, seconds, cancel);
    }

    private ClipDecoding Decode(SoundKind kind, byte[] file, int firstSecond, int seconds, CancellationToken cancel)
    {
        using var time = new CancellationTokenSource(_timeLimit);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel, time.Token);
        try
        {
            limit.Token.ThrowIfCancellationRequested();
            using var reader = Open(kind, file, limit.Token);
            return Read(reader, firstSecond, seconds, limit.Token);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return Fault(FfmpegDecoder.TookTooLong(_timeLimit));
        }
        catch (Exception e) when (e is not (ClipFaultException or OperationCanceledException))
        {
            // Decoders may throw any exception on damaged data.
            return Fault("is damaged and cannot be decoded");
        }
    }

    private static ISoundReader Open(SoundKind kind, byte[] file, CancellationToken cancel) => kind switch
    {
        SoundKind.Wav => WavHeader.Open(file),
        SoundKind.Aiff => AiffHeader.Open(file),
        SoundKind.Mp3 => new Mp3Reader(file, MaxDurationSeconds, cancel),
        _ when OggFile.Open(file, cancel) is var ogg =>
            ogg.Codec == OggCodec.Opus ? new OpusReader(ogg, cancel) : new VorbisSoundReader(ogg, cancel),
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, null),
    };

    private static ClipDecoding Read(ISoundReader reader, int firstSecond, int seconds, CancellationToken cancel)
    {
        if (FaultOf(reader) is { } fault)
        {
            return Fault(fault);
        }

        var duration = (double)reader.Length / reader.SampleRateHz;
        var warning = reader.ClaimedLength is { } claimed ? CheckLength((double)claimed / reader.SampleRateHz, duration) : null;
        var collector = new PartCollector(reader.Channels, reader.SampleRateHz, firstSecond, seconds);
        var buffer = new float[BufferFrames * reader.Channels];
        while (collector is { FramesLeft: > 0 and var left, Fault: null }
            && reader.Read(buffer.AsSpan(0, (int)Math.Min(BufferFrames, left) * reader.Channels)) is > 0 and var count)
        {
            cancel.ThrowIfCancellationRequested();
            collector.Add(buffer.AsSpan(0, count));
        }

        if (collector.Fault is not null)
        {
            return Fault(collector.Fault);
        }

        if (collector.FramesLeft > 0 && duration - collector.DurationSeconds > MaxMissingSeconds)
        {
            return Fault("is damaged and cannot be decoded");
        }

        // A file that was cut out of a longer one begins with one or two incomplete frames, which need no warning.
        warning ??= reader.DamagedFrames > 2 ? $"is damaged: {reader.DamagedFrames} frames could not be decoded and are silent" : null;
        return WithEnd(new ClipDecoding(collector.ToSound(duration), null, warning), reader.IsCut);
    }

    private static ClipDecoding WithEnd(ClipDecoding decoding, bool isCut) => isCut && decoding is { Fault: null, Warning: null }
        ? decoding with { Warning = "seems to be cut short: it has no proper end" }
        : decoding;

    private static string? FaultOf(ISoundReader reader) => FaultOf(reader.Channels, reader.SampleRateHz) ?? reader.Length switch
    {
        0 => reader.IsCut ? "is cut short: it ends before its sound begins" : "contains no sound",
        var length when length > (long)MaxDurationSeconds * reader.SampleRateHz => TooLong,
        _ => null,
    };

    /// <summary>Returns the error in a sound's rate or number of channels; null if they are valid.</summary>
    internal static string? FaultOf(int channels, int sampleRateHz) => (channels, sampleRateHz) switch
    {
        ( < 1 or > MaxChannels, _) => ClipFaults.HasChannels(channels),
        (_, < MinSampleRateHz or > MaxSampleRateHz) =>
            $"has {sampleRateHz} samples per second; {MinSampleRateHz} to {MaxSampleRateHz} are supported",
        _ => null,
    };
}
