using YueService.Api.OpenApi;

namespace YueService.Api.Options;

/// <summary>The endpoint that lists the options of song requests.</summary>
internal static class OptionsEndpoints
{
    public static void AddOptionsEndpoint(this IServiceCollection services) => services.AddSingleton<OptionsHandler>();

    public static void MapOptions(this IEndpointRouteBuilder routes) =>
        routes.MapGet("/v1/options", (OptionsHandler handler) => TypedResults.Ok(handler.Get()))
            .WithName("GetOptions")
            .WithTags("Options")
            .Describe(
                "List the options of song requests",
                "Returns models with their capabilities, formats, tags for the genre line, and the bounds and default of every field.");
}
