using Microsoft.AspNetCore.Http.HttpResults;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;
using YueService.Api.Errors;
using YueService.Api.Requests;
using YueService.Jobs.Shared;

namespace YueService.Api.Models;

/// <summary>Shows, loads and unloads models.</summary>
internal sealed class ModelHandler(ISongEngine engine, TimeProvider clock)
{
    private readonly long _startedSeconds = clock.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>Returns the models that can currently make songs; empty until they are known.</summary>
    public ModelList List() => new("list", [.. engine.Status.SongModels.Select(Show)]);

    /// <summary>Returns one of the models that can currently make songs.</summary>
    public Results<Ok<ModelBody>, ProblemHttpResult> Get(HttpContext http, string id) =>
        Find(id) is { } model ? TypedResults.Ok(Show(model)) : NoModel(http, id);

    /// <summary>Loads or unloads a model.</summary>
    /// <param name="http">The request.</param>
    /// <param name="id">The name of the model.</param>
    /// <param name="isLoaded">True to load, false to unload.</param>
    public async Task<Results<Ok<ModelBody>, ProblemHttpResult>> SetLoadedAsync(HttpContext http, string id, bool isLoaded)
    {
        var status = engine.Status;
        if (status.State != EngineState.Ready)
        {
            return Problems.NotReady(http, status);
        }

        if (Find(id) is not { } model)
        {
            return NoModel(http, id);
        }

        try
        {
            return await engine.SetLoadedAsync(id, isLoaded, http.RequestAborted)
                ? TypedResults.Ok(Show(model))
                : Problems.Create(
                    http,
                    ProblemType.ModelInUse,
                    $"Songs in progress use {id}{(isLoaded ? " or the memory that it needs" : "")}. Try again when they have ended.");
        }
        catch (SongRequestException)
        {
            return Problems.Create(
                http, ProblemType.ModelElsewhere, $"This process does not have {id}: workers load and unload their own models.");
        }
        catch (SongException error)
        {
            return Problems.Create(http, ProblemType.ModelNotLoaded, error.Message);
        }
    }

    private static ProblemHttpResult NoModel(HttpContext http, string id) =>
        Problems.Create(http, ProblemType.NotFound, $"There is no model {JsonText.Cut(id)}; GET /v1/models lists all models.");

    private ModelDescription? Find(string id) => engine.Status.SongModels.FirstOrDefault(model => model.Name == id);

    private ModelBody Show(ModelDescription model)
    {
        var here = engine.Own()?.Status.Models.FirstOrDefault(status => status.Name == model.Name);
        return new()
        {
            Id = model.Name,
            Created = _startedSeconds,
            Family = model.Family.Name,
            Capabilities = [.. model.Family.Capabilities.Order()],
            Licence = model.Family.Licence,
            Loaded = here?.Loaded,
            Bytes = here?.Bytes,
        };
    }
}
