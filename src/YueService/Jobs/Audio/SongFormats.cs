using Yue.Engine.Audio;

namespace YueService.Jobs.Audio;

/// <summary>The names of the formats in JSON, HTTP and file names.</summary>
internal static class SongFormats
{
    /// <summary>The formats by their name in requests and responses, which is also the file extension.</summary>
    public static IReadOnlyDictionary<string, AudioFormat> ByName { get; } = new Dictionary<string, AudioFormat>(StringComparer.Ordinal)
    {
        ["wav"] = AudioFormat.Wav,
        ["flac"] = AudioFormat.Flac,
        ["mp3"] = AudioFormat.Mp3,
    };

    /// <summary>Returns the name in JSON: <c>wav</c>, <c>flac</c> or <c>mp3</c>.</summary>
    public static string Name(this AudioFormat format) => format switch
    {
        AudioFormat.Wav => "wav",
        AudioFormat.Flac => "flac",
        AudioFormat.Mp3 => "mp3",
        _ => throw new ArgumentOutOfRangeException(nameof(format), format, null),
    };

    /// <summary>Returns the media type of a response that is the file itself.</summary>
    public static string MediaType(this AudioFormat format) => format switch
    {
        AudioFormat.Wav => "audio/wav",
        AudioFormat.Flac => "audio/flac",
        AudioFormat.Mp3 => "audio/mpeg",
        _ => throw new ArgumentOutOfRangeException(nameof(format), format, null),
    };
}
