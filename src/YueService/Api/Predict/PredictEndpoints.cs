using YueService.Api.Access;
using YueService.Api.OpenApi;
using YueService.Api.Requests;
using YueService.Api.Songs;

namespace YueService.Api.Predict;

/// <summary>The endpoint that makes a song while the caller waits.</summary>
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
            .WithTags("Songs")
            .Describe(
                "Make a song while the caller waits",
                "If the caller disconnects, its song is cancelled. Accept: audio/wav, audio/flac or audio/mpeg returns the file itself.",
                new ApiParameter(
                    "Prefer", "respond-async creates a job; handling=strict makes an unknown field an error.", IsHeader: true),
                new ApiParameter(
                    "Idempotency-Key",
                    "With Prefer: respond-async, the same as for POST /v1/songs. Otherwise it is ignored with a warning; "
                        + "the same request and seed give the same song.",
                    IsHeader: true),
                ApiResponse.Problem(409, "The song in continue_from is not available yet, or never will be."),
                ApiResponse.Problem(422, "Fields are invalid; all of them are listed."),
                ApiResponse.Problem(429, "The queue is full, or the key's limit is reached; Retry-After says when to try again."),
                ApiResponse.Problem(503, "The models are not loaded."),
                ApiResponse.Problem(504, "The song took longer than a caller may wait."));
}
