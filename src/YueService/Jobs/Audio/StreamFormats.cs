using Yue.Engine.Audio;

namespace YueService.Jobs.Audio;

/// <summary>The names of the formats in which songs are streamed.</summary>
internal static class StreamFormats
{
    /// <summary>Returns the name in JSON and HTTP.</summary>
    public static string Name(this StreamFormat format) => format.ToString().ToLowerInvariant();

    /// <summary>Returns the media type of a stream.</summary>
    public static string MediaType(this StreamFormat format) => format switch
    {
        StreamFormat.Wav => "audio/wav",
        StreamFormat.Pcm => "audio/pcm",
        StreamFormat.Mp3 => "audio/mpeg",
        StreamFormat.Opus => "audio/ogg",
        StreamFormat.Aac => "audio/aac",
        StreamFormat.Flac => "audio/flac",
        _ => throw new ArgumentOutOfRangeException(nameof(format), format, null),
    };
}
