using YueService.Api.Requests;

namespace YueService.Api.OpenApi;

/// <summary>The JSON bodies of requests.</summary>
internal static class ApiBodies
{
    public static ApiBody SongRequest { get; } = new(
        "SongRequest",
        "The song to make.",
        SongFields.All,
        """
        {"lyrics":"[verse]\nMorning light\n\n[chorus]\nHere we go","genre":"folk female guitar","seed":7,"output":{"stems":true}}
        """);

    public static ApiBody SongEdit { get; } = new(
        "SongEdit",
        "The changes to a song. A field that is absent is not changed; null resets it.",
        SongEditFields.All,
        """{"title":"Morning light, take 2","favourite":true}""");

    public static ApiBody Session { get; } = new(
        "Session", "The key to sign in with.", SessionFields.All, """{"key":"the service's key"}""");

    public static ApiBody SpeechRequest { get; } = new(
        "SpeechRequest",
        "The song to make, in the form that OpenAI-style audio clients send.",
        SpeechFields.All,
        """{"model":"demo","input":"[verse]\nMorning light","instructions":"folk female guitar","response_format":"wav"}""");
}
