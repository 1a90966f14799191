using YueService.Access;

namespace YueService.Endpoints;

/// <summary>The songs that a caller waits for.</summary>
internal static class PredictEndpoints
{
    public static void AddPredict(this IServiceCollection services)
    {
        services.AddSingleton<SongRequestBody>();
        services.AddSingleton<PredictHandler>();
    }

    public static void MapPredict(this IEndpointRouteBuilder routes) =>
        routes.MapPost("/predict", (HttpContext http, PredictHandler handler) => handler.PredictAsync(http)).WaitsForSong();
}
