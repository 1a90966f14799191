using Yue.Engine.Audio;

namespace YueService.Api.Requests;

/// <summary>The fields of an OpenAI-style audio request: mostly fields of a song request under the names that such clients use.</summary>
internal static class SpeechFields
{
    public static TextField Input { get; } = SongFields.Lyrics with
    {
        Path = "input",
        Description = "The lyrics, in sections headed by tags such as [verse]. All sections are sung.",
        Otherwise = null,
    };

    public static TextField Instructions { get; } = SongFields.Genre with { Path = "instructions", Otherwise = null };

    public static ChoiceField<StreamFormat> ResponseFormat { get; } = new(
        "response_format",
        "The format of the file. All except wav and pcm need ffmpeg. opus, aac and pcm are sent while the song is being made.",
        ("wav", StreamFormat.Wav),
        ("flac", StreamFormat.Flac),
        ("mp3", StreamFormat.Mp3),
        ("opus", StreamFormat.Opus),
        ("aac", StreamFormat.Aac),
        ("pcm", StreamFormat.Pcm))
    {
        Default = "wav",
        IsForEveryFamily = true,
    };

    public static ChoiceField<SpeechStream> Stream { get; } = new(
        "stream_format",
        "The form in which the sound is sent while the song is being made: audio is the sound itself, sse is events with the sound in "
            + "base64.",
        ("audio", SpeechStream.Audio),
        ("sse", SpeechStream.Events))
    {
        DefaultWords = "the whole file when the song is finished",
        IsForEveryFamily = true,
    };

    public static TextField Model { get; } = SongFields.Model with { Otherwise = null };

    public static IReadOnlyList<RequestField> All { get; } = [Model, Input, Instructions, ResponseFormat, Stream, SongFields.Seed];

    /// <summary>The fields that such clients send and that have no meaning for songs.</summary>
    public static IReadOnlyList<string> Ignored { get; } = ["voice", "speed"];
}

/// <summary>The forms in which sound is sent while it is being made.</summary>
internal enum SpeechStream
{
    Audio,
    Events,
}
