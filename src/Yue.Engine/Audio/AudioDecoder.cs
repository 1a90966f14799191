using System.Globalization;
using System.Text.Json;

namespace Yue.Engine.Audio;

/// <summary>A stretch of a decoded file.</summary>
/// <param name="Channels">Left and right of a file of two channels; else one, the mean of all. Full scale ±1.</param>
/// <param name="SampleRateHz">The file's own rate.</param>
/// <param name="DurationSeconds">How long the whole file is.</param>
public sealed record DecodedSound(IReadOnlyList<float[]> Channels, int SampleRateHz, double DurationSeconds)
{
    /// <summary>The mean of the channels (MODEL.md 5.8: how the codec hears a file).</summary>
    public AudioClip ToMono() => new(
        Channels is [var left, var right] ? [.. left.Zip(right, (l, r) => (l + r) / 2)] : Channels[0], SampleRateHz);
}

/// <summary>What became of a file: the sound, or what is wrong with the file, as the end of a sentence about it.</summary>
public sealed record ClipDecoding(DecodedSound? Sound, string? Fault);

/// <summary>Reads sound files of strangers through ffprobe and ffmpeg, in bounded time and memory.</summary>
/// <remarks>
/// The bytes lie in a temporary file while they are read, since m4a needs seeking; it is gone when the call returns. ffmpeg may open
/// nothing else: only the file protocol is allowed, and of formats only those that name no other files. What comes out is
/// counted and only the asked stretch is kept. Samples are the file's own, neither resampled nor scaled. Safe to call from several threads.
/// </remarks>
public sealed class AudioDecoder
{
    public const int MaxBytes = 64 << 20;
    public const int MaxDurationSeconds = 600;
    public const int MaxChannels = 8;
    public const int MinSampleRateHz = 4_000;
    public const int MaxSampleRateHz = 192_000;

    /// <summary>The kinds of file that are read, for messages.</summary>
    public const string Kinds = "wav, flac, mp3, ogg or m4a";

    private const string TempPrefix = "yue-clip-";
    private const string Formats = "wav,flac,mp3,ogg,mov";

    // No decoder of another codec is ever opened. Pictures are for covers, which mp3 and m4a files have as a video stream.
    private const string PictureCodecs = "mjpeg,png";
    private const string SoundCodecs =
        "pcm_u8,pcm_s16le,pcm_s24le,pcm_s32le,pcm_f32le,pcm_f64le,pcm_alaw,pcm_mulaw,flac,mp3,mp3float,vorbis,opus,aac,alac";

    private static readonly TimeSpan StaleAge = TimeSpan.FromHours(1);

    private readonly string? _ffmpeg;
    private readonly string? _ffprobe;
    private readonly string _tempFolder;
    private readonly TimeSpan _timeLimit;

    /// <summary>Looks for ffmpeg and ffprobe, and removes clips that a killed process left in the temporary folder.</summary>
    /// <param name="programFolder">Where both programs are; null looks in the folders of PATH.</param>
    /// <param name="tempFolder">Where files lie while they are read; null is the system's folder for temporary files.</param>
    /// <param name="timeLimit">How long each program may take for a file; null is 30 seconds.</param>
    public AudioDecoder(string? programFolder = null, string? tempFolder = null, TimeSpan? timeLimit = null)
    {
        _ffmpeg = Find("ffmpeg", programFolder);
        _ffprobe = Find("ffprobe", programFolder);
        _tempFolder = tempFolder ?? Path.GetTempPath();
        _timeLimit = timeLimit ?? TimeSpan.FromSeconds(30);
        RemoveStale();
    }

    /// <summary>Whether both programs were found.</summary>
    public bool IsAvailable => _ffmpeg is not null && _ffprobe is not null;

    /// <summary>Decodes a stretch of a file; the rest is decoded too, to know the file's length, and dropped.</summary>
    /// <param name="file">The whole file, as it was sent.</param>
    /// <param name="firstSecond">Where the stretch begins.</param>
    /// <param name="seconds">How long it is at most.</param>
    /// <param name="cancel">Kills the programs.</param>
    /// <exception cref="FfmpegException">A program is missing.</exception>
    public async Task<ClipDecoding> DecodeAsync(ReadOnlyMemory<byte> file, int firstSecond, int seconds, CancellationToken cancel)
    {
        if (FaultOfBytes(file.Span) is { } fault)
        {
            return new ClipDecoding(null, fault);
        }

        var path = Path.Combine(_tempFolder, $"{TempPrefix}{Guid.NewGuid():N}");
        try
        {
            await WriteAsync(path, file, cancel);
            var (stream, unreadable) = await ProbeAsync(path, cancel);
            if (stream is null)
            {
                return new ClipDecoding(null, unreadable);
            }

            var collector = new StretchCollector(stream.Channels, stream.SampleRateHz, firstSecond, seconds);
            return await ReadSamplesAsync(path, collector, cancel) is { } broken
                ? new ClipDecoding(null, broken)
                : new ClipDecoding(collector.ToSound(), null);
        }
        catch (FfmpegException error) when (error.IsTimeout)
        {
            return new ClipDecoding(null, string.Create(
                CultureInfo.InvariantCulture, $"took longer than {_timeLimit.TotalSeconds:0.#} s to decode"));
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static string? FaultOfBytes(ReadOnlySpan<byte> file) => file.Length switch
    {
        0 => "is empty (0 bytes)",
        > MaxBytes => $"has {file.Length} bytes, more than {MaxBytes}",
        _ when WavFile.OverstatedSeconds(file) is var (claimed, there) => string.Create(
            CultureInfo.InvariantCulture, $"is cut short: its header says {claimed:0.#} s, and {there:0.#} s are there"),
        _ => null,
    };

    private static async Task WriteAsync(string path, ReadOnlyMemory<byte> file, CancellationToken cancel)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Options = FileOptions.Asynchronous };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        await using var stream = new FileStream(path, options);
        await stream.WriteAsync(file, cancel);
    }

    /// <summary>What the file holds, or what is wrong with it.</summary>
    private async Task<(SoundStream? Stream, string? Fault)> ProbeAsync(string path, CancellationToken cancel)
    {
        const int MaxDescription = 1 << 20;
        var description = new byte[MaxDescription];
        var length = 0;
        string[] arguments =
        [
            "-v", "quiet", .. InputLimits, "-print_format", "json", "-show_entries",
            "format=duration,format_name:stream=codec_type,codec_name,sample_rate,channels:stream_disposition=attached_pic", $"file:{path}",
        ];
        var end = await FfmpegProcess.RunAsync(
            _ffprobe,
            arguments,
            default,
            async (stream, token) => length = await stream.ReadAtLeastAsync(description, description.Length, throwOnEndOfStream: false, token),
            _timeLimit,
            cancel);
        return end.ExitCode == 0 ? SoundStream.Read(description.AsMemory(0, length)) : (null, SoundStream.Unreadable);
    }

    /// <summary>Decodes the file into the collector.</summary>
    /// <returns>What is wrong with the file; null where nothing is.</returns>
    private async Task<string?> ReadSamplesAsync(string path, StretchCollector collector, CancellationToken cancel)
    {
        string[] arguments =
        [
            "-hide_banner", "-nostdin", "-loglevel", "error", "-threads", "1", .. InputLimits, "-i", $"file:{path}",
            "-map", "0:a:0", "-vn", "-sn", "-dn", "-t", $"{MaxDurationSeconds + 1}",
            "-ar", $"{collector.SampleRateHz}", "-ac", $"{collector.ChannelCount}", "-c:a", "pcm_f32le", "-f", "f32le", "pipe:1",
        ];
        var end = await FfmpegProcess.RunAsync(_ffmpeg, arguments, default, collector.ReadAsync, _timeLimit, cancel);
        return collector switch
        {
            { Fault: { } fault } => fault,
            { DurationSeconds: > MaxDurationSeconds } => TooLong,
            { DurationSeconds: 0 } => "holds no sound",
            _ => end.ExitCode == 0 ? null : "is damaged and cannot be decoded",
        };
    }

    /// <summary>What both programs may open and allocate.</summary>
    private static string[] InputLimits =>
        ["-max_alloc", $"{256 << 20}", "-protocol_whitelist", "file", "-format_whitelist", Formats, "-codec_whitelist", $"{SoundCodecs},{PictureCodecs}"];

    private static string TooLong => $"is longer than {MaxDurationSeconds / 60} minutes";

    private static string? Find(string program, string? folder) => folder is null
        ? FfmpegProcess.FindOnPath(program)
        : Path.Combine(folder, program) is var path && File.Exists(path) ? path : null;

    private void RemoveStale()
    {
        try
        {
            foreach (var file in Directory.EnumerateFiles(_tempFolder, TempPrefix + "*"))
            {
                if (DateTime.UtcNow - File.GetLastWriteTimeUtc(file) > StaleAge)
                {
                    File.Delete(file);
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Another user's, or gone meanwhile: nothing that this process needs.
        }
    }

    /// <summary>The sound stream of a file as ffprobe describes it.</summary>
    private sealed record SoundStream(int SampleRateHz, int Channels)
    {
        public const string Unreadable = $"is not a sound file that can be read: {Kinds} are, without a video";

        /// <summary>The first sound stream of a description within the limits, or what is wrong with the file.</summary>
        public static (SoundStream? Stream, string? Fault) Read(ReadOnlyMemory<byte> description)
        {
            using var json = JsonDocument.Parse(description);
            if (!json.RootElement.TryGetProperty("streams", out var streams))
            {
                return (null, Unreadable);
            }

            if (streams.EnumerateArray().Any(stream => TypeOf(stream) == "video" && !IsCover(stream)))
            {
                return (null, "holds a video; send its sound alone");
            }

            var sound = streams.EnumerateArray().FirstOrDefault(stream => TypeOf(stream) == "audio");
            if (sound.ValueKind == JsonValueKind.Undefined)
            {
                return (null, Unreadable);
            }

            var found = new SoundStream(Rate(sound), sound.TryGetProperty("channels", out var channels) ? channels.GetInt32() : 0);
            return FaultOf(found, json.RootElement, sound) is { } fault ? (null, fault) : (found, null);
        }

        private static string? FaultOf(SoundStream found, JsonElement root, JsonElement sound)
        {
            if (found.Channels is < 1 or > MaxChannels)
            {
                return $"has {found.Channels} channels; 1 to {MaxChannels} are read";
            }

            if (found.SampleRateHz is < MinSampleRateHz or > MaxSampleRateHz)
            {
                return $"has {found.SampleRateHz} samples a second; {MinSampleRateHz} to {MaxSampleRateHz} are read";
            }

            if (!sound.TryGetProperty("codec_name", out var codec) || !SoundCodecs.Split(',').Contains(codec.GetString()))
            {
                return $"is coded as {(codec.ValueKind == JsonValueKind.String ? codec.GetString() : "something unknown")}, which is not read: {Kinds} are";
            }

            // Of an mp3 without an index the length is a guess from the bit rate: there only what is decoded counts.
            var format = root.GetProperty("format");
            return format.TryGetProperty("format_name", out var name) && name.GetString() != "mp3"
                && format.TryGetProperty("duration", out var duration)
                && double.TryParse(duration.GetString(), CultureInfo.InvariantCulture, out var seconds) && seconds > MaxDurationSeconds
                    ? TooLong
                    : null;
        }

        private static string? TypeOf(JsonElement stream) => stream.TryGetProperty("codec_type", out var type) ? type.GetString() : null;

        private static bool IsCover(JsonElement stream) =>
            stream.TryGetProperty("disposition", out var disposition)
            && disposition.TryGetProperty("attached_pic", out var picture) && picture.GetInt32() == 1;

        private static int Rate(JsonElement stream) =>
            stream.TryGetProperty("sample_rate", out var rate)
            && int.TryParse(rate.GetString(), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : 0;
    }
}
