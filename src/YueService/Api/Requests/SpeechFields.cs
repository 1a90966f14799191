using Yue.Engine.Audio;

namespace YueService.Api.Requests;

/// <summary>The fields of an OpenAI-style audio request: fields of a song request under the names that such clients use.</summary>
internal static class SpeechFields
{
    public static TextField Input { get; } = SongFields.Lyrics with
    {
        Path = "input",
        Description = "The lyrics, in sections headed by tags such as [verse]. All sections are sung.",
        Otherwise = null,
    };

    public static TextField Instructions { get; } = SongFields.Genre with { Path = "instructions", Otherwise = null };

    public static ChoiceField<AudioFormat> ResponseFormat { get; } = SongFields.Format with { Path = "response_format", Otherwise = null };

    public static TextField Model { get; } = SongFields.Model with { Otherwise = null };

    public static IReadOnlyList<RequestField> All { get; } = [Model, Input, Instructions, ResponseFormat, SongFields.Seed];

    /// <summary>The fields that such clients send and that have no meaning for songs.</summary>
    public static IReadOnlyList<string> Ignored { get; } = ["voice", "speed", "stream_format"];
}
