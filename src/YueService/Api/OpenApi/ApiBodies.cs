using YueService.Api.Requests;

namespace YueService.Api.OpenApi;

/// <summary>The bodies that ask for a song.</summary>
internal static class ApiBodies
{
    public static ApiBody SongRequest { get; } = new("SongRequest", "The song to make.", SongFields.All);

    public static ApiBody SpeechRequest { get; } = new(
        "SpeechRequest", "The song to make, in the form of OpenAI-style audio clients.", SpeechFields.All);
}
