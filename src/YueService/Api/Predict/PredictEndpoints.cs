using YueService.Api.Access;
using YueService.Api.OpenApi;
using YueService.Api.Requests;
using YueService.Api.Songs;

namespace YueService.Api.Predict;

/// <summary>The songs that a caller waits for.</summary>
internal static class PredictEndpoints
{
    public static void AddPredict(this IServiceCollection services)
    {
        services.AddSingleton<BodyBudget>();
        services.AddSingleton<BodyReader>();
        services.AddSingleton<SongChecks>();
        services.AddSingleton<SongRequestBody>();
        services.AddSingleton<PredictStreamer>();
        services.AddSingleton<PredictHandler>();
    }

    public static void MapPredict(this IEndpointRouteBuilder routes) =>
        routes.MapPost("/predict", (HttpContext http, PredictHandler handler) => handler.PredictAsync(http))
            .WaitsForSong()
            .ReadsJson(ApiBodies.SongRequest)
            .WithName("Predict")
            .Describe(
                "Make a song while the caller waits",
                "A caller that disconnects cancels its song. Accept: audio/wav, audio/flac or audio/mpeg returns the file itself.",
                new ApiParameter(
                    "Prefer", "respond-async makes a job of it; handling=strict makes an unknown field an error.", IsHeader: true),
                new ApiParameter(
                    "Idempotency-Key",
                    "With Prefer: respond-async as on POST /v1/songs. While the caller waits it is ignored with a warning; "
                        + "the same request and seed give "
                        + "the same song.",
                    IsHeader: true),
                ApiAnswer.Problem(409, "The song of continue_from is not there yet, or never comes."),
                ApiAnswer.Problem(422, "Fields are out of bounds: all of them are named."),
                ApiAnswer.Problem(429, "The queue is full, or the key's limit is reached; Retry-After says when to try again."),
                ApiAnswer.Problem(503, "The models are not loaded."),
                ApiAnswer.Problem(504, "The song took longer than a caller may wait."));
}
