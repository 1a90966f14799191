using YueService.Api.OpenApi;

namespace YueService.Api.Options;

/// <summary>The endpoint that says what a song request can ask for.</summary>
internal static class OptionsEndpoints
{
    public static void AddOptionsEndpoint(this IServiceCollection services) => services.AddSingleton<OptionsHandler>();

    public static void MapOptions(this IEndpointRouteBuilder routes) =>
        routes.MapGet("/v1/options", (OptionsHandler handler) => TypedResults.Ok(handler.Get()))
            .WithName("GetOptions")
            .Describe(
                "Show what a song request can ask for",
                "Models with their capabilities, formats, tags for the genre line, and the bounds and the default of every field.");
}
