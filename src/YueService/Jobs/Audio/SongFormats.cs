using Yue.Engine.Audio;

namespace YueService.Jobs.Audio;

/// <summary>The names of the formats in JSON, HTTP and file names.</summary>
internal static class SongFormats
{
    /// <summary>The formats by the name that requests and answers call them; the name is the file extension, too.</summary>
    public static IReadOnlyDictionary<string, AudioFormat> ByName { get; } = new Dictionary<string, AudioFormat>(StringComparer.Ordinal)
    {
        ["wav"] = AudioFormat.Wav,
        ["flac"] = AudioFormat.Flac,
        ["mp3"] = AudioFormat.Mp3,
    };

    /// <summary>The name in JSON: <c>wav</c>, <c>flac</c> or <c>mp3</c>.</summary>
    public static string Name(this AudioFormat format) => format switch
    {
        AudioFormat.Wav => "wav",
        AudioFormat.Flac => "flac",
        AudioFormat.Mp3 => "mp3",
        _ => throw new ArgumentOutOfRangeException(nameof(format), format, null),
    };

    /// <summary>The media type of an answer that is the file itself.</summary>
    public static string MediaType(this AudioFormat format) => format switch
    {
        AudioFormat.Wav => "audio/wav",
        AudioFormat.Flac => "audio/flac",
        AudioFormat.Mp3 => "audio/mpeg",
        _ => throw new ArgumentOutOfRangeException(nameof(format), format, null),
    };
}
