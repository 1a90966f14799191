using System.Globalization;
using System.Text.Json;
using Yue.Engine.Audio.Readers;

namespace Yue.Engine.Audio;

/// <summary>A checked file for ffmpeg.</summary>
/// <param name="File">The whole file, as it was sent.</param>
/// <param name="Kind">Its kind.</param>
/// <param name="ClaimedLength">The number of samples per channel that its header states; null if the header states none.</param>
/// <param name="Pictures">The positions of the type fields of its pictures. The fields are overwritten to hide the pictures from
/// ffmpeg.</param>
internal sealed record FfmpegInput(ReadOnlyMemory<byte> File, SoundKind Kind, long? ClaimedLength, IReadOnlyList<int> Pictures);

/// <summary>Decodes flac files (also in Ogg) and m4a files through ffprobe and ffmpeg.</summary>
/// <remarks>
/// The bytes are in a temporary file while they are being read, because m4a needs seeking; the file is deleted when the call returns.
/// ffmpeg cannot open other files: only the file protocol is allowed, and only formats that cannot refer to other files. Video and picture
/// decoders are never opened. Samples are counted as they arrive, and only the requested part is kept.
/// </remarks>
internal sealed class FfmpegDecoder
{
    private const string TempPrefix = "yue-clip-";
    private const string Formats = "flac,ogg,mov";

    // Decoders of other codecs are never opened.
    private const string SoundCodecs =
        "pcm_u8,pcm_s16le,pcm_s24le,pcm_s32le,pcm_f32le,pcm_f64le,pcm_alaw,pcm_mulaw,flac,mp3,mp3float,vorbis,opus,aac,alac";

    private static readonly TimeSpan StaleAge = TimeSpan.FromHours(1);

    private readonly string? _ffmpeg;
    private readonly string? _ffprobe;
    private readonly string _tempFolder;
    private readonly TimeSpan _timeLimit;

    /// <summary>Looks for the programs, and removes clips older than an hour, which a killed process left in the temporary
    /// folder.</summary>
    /// <param name="programFolder">The folder of both programs. If null, they are looked up in the folders of PATH.</param>
    /// <param name="tempFolder">The folder for the temporary files.</param>
    /// <param name="timeLimit">The time limit for each run of a program.</param>
    public FfmpegDecoder(string? programFolder, string tempFolder, TimeSpan timeLimit)
    {
        _ffmpeg = Find("ffmpeg", programFolder);
        _ffprobe = Find("ffprobe", programFolder);
        (_tempFolder, _timeLimit) = (tempFolder, timeLimit);
        RemoveStale();
    }

    /// <summary>True if both programs were found.</summary>
    public bool IsAvailable => _ffmpeg is not null && _ffprobe is not null;

    /// <summary>Returns the error for a file that takes too long to decode.</summary>
    public static string TookTooLong(TimeSpan limit) =>
        string.Create(CultureInfo.InvariantCulture, $"took longer than {limit.TotalSeconds:0.#} s to decode");

    /// <summary>Decodes a part of a file. The rest is also decoded, to find the file's length, and then discarded.</summary>
    /// <exception cref="ClipFaultException">The file is invalid or cut short.</exception>
    public async Task<ClipDecoding> DecodeAsync(FfmpegInput input, int firstSecond, int seconds, CancellationToken cancel)
    {
        var path = Path.Combine(_tempFolder, $"{TempPrefix}{Guid.NewGuid():N}");
        try
        {
            await WriteAsync(path, input, cancel);
            var (channels, sampleRateHz) = await ProbeAsync(path, cancel);
            var collector = new PartCollector(channels, sampleRateHz, firstSecond, seconds);
            var complaint = await ReadSamplesAsync(path, collector, cancel);
            var duration = collector.DurationSeconds;
            var warning = input.ClaimedLength is { } claimed ? AudioDecoder.CheckLength((double)claimed / sampleRateHz, duration)
                : complaint.Length > 0 ? "seems to be cut short or damaged: a part of it could not be decoded" : null;
            return new ClipDecoding(collector.ToSound(duration), null, warning);
        }
        catch (FfmpegException error) when (error.IsTimeout)
        {
            throw new ClipFaultException(TookTooLong(_timeLimit));
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static async Task WriteAsync(string path, FfmpegInput input, CancellationToken cancel)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Options = FileOptions.Asynchronous };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        await using var stream = new FileStream(path, options);
        await stream.WriteAsync(input.File, cancel);
        foreach (var place in input.Pictures)
        {
            stream.Position = place;
            var hidden = input.Kind == SoundKind.Mp4
                ? "free"u8.ToArray()
                : [(byte)((input.File.Span[place] & 0x80) | FlacBlocks.PaddingType)];
            await stream.WriteAsync(hidden, cancel);
        }
    }

    /// <summary>Returns the number of channels and the sample rate of the file's sound.</summary>
    private async Task<(int Channels, int SampleRateHz)> ProbeAsync(string path, CancellationToken cancel)
    {
        const int MaxDescription = 1 << 20;
        var description = new byte[MaxDescription];
        var length = 0;
        string[] arguments =
        [
            "-v", "quiet", .. InputLimits, "-print_format", "json", "-show_entries",
            "format=duration:stream=codec_type,codec_name,sample_rate,channels", $"file:{path}",
        ];
        var end = await FfmpegProcess.RunAsync(
            _ffprobe,
            arguments,
            default,
            async (stream, token) =>
                length = await stream.ReadAtLeastAsync(description, description.Length, throwOnEndOfStream: false, token),
            _timeLimit,
            cancel);
        return end.ExitCode == 0 ? ReadDescription(description.AsMemory(0, length)) : throw new ClipFaultException(ClipFaults.Unreadable);
    }

    /// <summary>Decodes the file into the collector.</summary>
    /// <returns>The error output of ffmpeg for a file that it decoded anyway; empty if there was none.</returns>
    private async Task<string> ReadSamplesAsync(string path, PartCollector collector, CancellationToken cancel)
    {
        string[] arguments =
        [
            "-hide_banner", "-nostdin", "-loglevel", "error", "-threads", "1", .. InputLimits, "-i", $"file:{path}",
            "-map", "0:a:0", "-vn", "-sn", "-dn", "-t", $"{AudioDecoder.MaxDurationSeconds + 1}",
            "-ar", $"{collector.SampleRateHz}", "-ac", $"{collector.ChannelCount}", "-c:a", "pcm_f32le", "-f", "f32le", "pipe:1",
        ];
        var end = await FfmpegProcess.RunAsync(_ffmpeg, arguments, default, collector.ReadAsync, _timeLimit, cancel);
        var fault = collector switch
        {
            { Fault: { } found } => found,
            { DurationSeconds: > AudioDecoder.MaxDurationSeconds } => AudioDecoder.TooLong,
            { DurationSeconds: 0 } => "contains no sound",
            _ => end.ExitCode == 0 ? null : "is damaged and cannot be decoded",
        };
        return fault is null ? end.Error : throw new ClipFaultException(fault);
    }

    /// <summary>The options that limit what both programs can open and allocate.</summary>
    private static string[] InputLimits =>
        ["-max_alloc", $"{256 << 20}", "-protocol_whitelist", "file", "-format_whitelist", Formats, "-codec_whitelist", SoundCodecs];

    private static string? Find(string program, string? folder) => folder is null
        ? ProgramPath.Find(program)
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
            // The files belong to another user or are already deleted; this process does not need them.
        }
    }

    /// <summary>Returns the number of channels and the sample rate of the first sound stream that ffprobe describes.</summary>
    private static (int Channels, int SampleRateHz) ReadDescription(ReadOnlyMemory<byte> description)
    {
        using var json = JsonDocument.Parse(description);
        var sound = json.RootElement.TryGetProperty("streams", out var streams)
            ? streams.EnumerateArray().FirstOrDefault(stream => Text(stream, "codec_type") == "audio")
            : default;
        if (sound.ValueKind == JsonValueKind.Undefined)
        {
            throw new ClipFaultException(ClipFaults.Unreadable);
        }

        var channels = sound.TryGetProperty("channels", out var count) ? count.GetInt32() : 0;
        var rate = int.TryParse(Text(sound, "sample_rate"), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : 0;
        if (AudioDecoder.FaultOf(channels, rate) is { } fault)
        {
            throw new ClipFaultException(fault);
        }

        var codec = Text(sound, "codec_name");
        if (!SoundCodecs.Split(',').Contains(codec))
        {
            throw new ClipFaultException($"is encoded as {codec ?? "something unknown"}, which is not supported; send {ClipFaults.Kinds}");
        }

        return double.TryParse(Text(json.RootElement.GetProperty("format"), "duration"), CultureInfo.InvariantCulture, out var seconds)
            && seconds > AudioDecoder.MaxDurationSeconds
                ? throw new ClipFaultException(AudioDecoder.TooLong)
                : (channels, rate);
    }

    private static string? Text(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
