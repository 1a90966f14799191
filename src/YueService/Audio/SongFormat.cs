namespace YueService.Audio;

/// <summary>The file formats a song can be returned in.</summary>
internal enum SongFormat
{
    Wav,
    Flac,
    Mp3,
}

/// <summary>The names of the formats in JSON, HTTP and file names.</summary>
internal static class SongFormats
{
    /// <summary>The formats by the name that requests and answers call them; the name is the file extension, too.</summary>
    public static IReadOnlyDictionary<string, SongFormat> ByName { get; } = new Dictionary<string, SongFormat>(StringComparer.Ordinal)
    {
        ["wav"] = SongFormat.Wav,
        ["flac"] = SongFormat.Flac,
        ["mp3"] = SongFormat.Mp3,
    };

    /// <summary>The name in JSON: <c>wav</c>, <c>flac</c> or <c>mp3</c>.</summary>
    public static string Name(this SongFormat format) => format switch
    {
        SongFormat.Wav => "wav",
        SongFormat.Flac => "flac",
        SongFormat.Mp3 => "mp3",
        _ => throw new ArgumentOutOfRangeException(nameof(format), format, null),
    };

    /// <summary>The media type of an answer that is the file itself.</summary>
    public static string MediaType(this SongFormat format) => format switch
    {
        SongFormat.Wav => "audio/wav",
        SongFormat.Flac => "audio/flac",
        SongFormat.Mp3 => "audio/mpeg",
        _ => throw new ArgumentOutOfRangeException(nameof(format), format, null),
    };
}
