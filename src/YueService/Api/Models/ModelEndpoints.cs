using YueService.Api.OpenApi;

namespace YueService.Api.Models;

/// <summary><c>/v1/models</c>: the models that requests can name, and their state in memory.</summary>
internal static class ModelEndpoints
{
    private const string Tag = "Models";

    public static void AddModels(this IServiceCollection services) => services.AddSingleton<ModelHandler>();

    public static void MapModels(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/v1/models", (ModelHandler handler) => TypedResults.Ok(handler.List()))
            .WithName("ListModels")
            .WithTags(Tag)
            .Describe("List the models that can make songs", "The default model comes first.");
        routes.MapGet("/v1/models/{id}", (HttpContext http, string id, ModelHandler handler) => handler.Get(http, id))
            .WithName("GetModel")
            .WithTags(Tag)
            .Describe(
                "Show a model that can make songs", "Returns whether it is loaded, and how much memory it uses when loaded.", NoModel);
        routes.MapPost(
                "/v1/models/{id}/load",
                (HttpContext http, string id, ModelHandler handler) => handler.SetLoadedAsync(http, id, isLoaded: true))
            .DisableRequestTimeout()
            .WithName("LoadModel")
            .WithTags(Tag)
            .Describe(
                "Load a model into memory",
                "A song loads the models that it needs; this request loads them in advance. If there is no room, models that are not in "
                    + "use are unloaded. "
                    + "Songs in progress wait while a model is being loaded.",
                NoModel, InUse, NotReady);
        routes.MapPost(
                "/v1/models/{id}/unload",
                (HttpContext http, string id, ModelHandler handler) => handler.SetLoadedAsync(http, id, isLoaded: false))
            .DisableRequestTimeout()
            .WithName("UnloadModel")
            .WithTags(Tag)
            .Describe(
                "Unload a model",
                "Frees its memory. Models that are also needed by another loaded model stay loaded. The next song that names the model "
                    + "loads it again.",
                NoModel, InUse, NotReady);
    }

    private static ApiResponse NoModel => ApiResponse.Problem(404, "There is no such model.");

    private static ApiResponse InUse => ApiResponse.Problem(
        409, "Songs in progress use the model or the memory that it needs, or only other processes have the model.");

    private static ApiResponse NotReady => ApiResponse.Problem(503, "The models are being loaded, or the model could not be loaded.");
}
