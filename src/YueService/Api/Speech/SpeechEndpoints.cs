using YueService.Api.Access;
using YueService.Api.OpenApi;

namespace YueService.Api.Speech;

/// <summary><c>/v1/audio/speech</c>, for OpenAI-style clients.</summary>
internal static class SpeechEndpoints
{
    public static void AddSpeech(this IServiceCollection services) => services.AddSingleton<SpeechHandler>();

    public static void MapSpeech(this IEndpointRouteBuilder routes)
    {
        routes.MapPost("/v1/audio/speech", (HttpContext http, SpeechHandler handler) => handler.SpeakAsync(http))
            .WaitsForSong()
            .ReadsJson(ApiBodies.SpeechRequest)
            .WithName("CreateSpeech")
            .WithTags("OpenAI-style speech")
            .Describe(
                "Make a song and return its file",
                "For OpenAI-style audio clients: the field input contains the lyrics, "
                    + "and the field instructions the genre line. If the caller disconnects, its song is cancelled.",
                new ApiResponse(
                    200,
                    "The file; the X-Yue-… headers describe it. With stream_format, or if response_format is opus, aac or pcm, the sound "
                        + "is sent while the song is being made; with stream_format sse, as text/event-stream.",
                    "audio/wav", "audio/flac", "audio/mpeg", "audio/ogg", "audio/aac", "audio/pcm"),
                ApiResponse.Problem(422, "Fields are invalid; all of them are listed."),
                ApiResponse.Problem(429, "The queue is full, or the key's limit is reached; Retry-After says when to try again."),
                ApiResponse.Problem(503, "The models are not loaded."));
    }
}
