using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;
using Yue.Engine;
using YueService.Contracts;
using YueService.Telemetry;

namespace YueService.Health;

/// <summary><c>/health</c>, <c>/health/ready</c> and <c>/health/live</c>.</summary>
internal static class HealthEndpoints
{
    private static readonly string[] Methods = [HttpMethods.Get, HttpMethods.Head];

    public static void MapHealth(this IEndpointRouteBuilder routes)
    {
        routes.MapMethods("/health", Methods, Ready);
        routes.MapMethods("/health/ready", Methods, Ready);
        routes.MapMethods("/health/live", Methods, Live);
    }

    /// <summary>Says whether the process answers.</summary>
    internal static Ok<LiveResponse> Live(HttpContext http)
    {
        http.Response.Headers.CacheControl = "no-store";
        return TypedResults.Ok(new LiveResponse("ok"));
    }

    /// <summary>Says whether a song can be made.</summary>
    /// <response code="200">Every configured model is loaded and warm.</response>
    /// <response code="503">The models are being loaded, could not be loaded, or the service is shutting down.</response>
    internal static JsonHttpResult<HealthResponse> Ready(HttpContext http, ISongEngine engine, IOptions<EngineOptions> options)
    {
        http.Response.Headers.CacheControl = "no-store";
        var status = engine.Status;
        var ready = status.State == EngineState.Ready;
        var loading = status.State == EngineState.Loading;
        var body = new HealthResponse
        {
            Status = status.State switch
            {
                EngineState.Ready => "ok",
                EngineState.Loading => "loading",
                EngineState.Draining => "draining",
                _ => "failed",
            },
            State = status.State,
            Service = ServiceIdentity.Name,
            Version = ServiceIdentity.Version,
            Demo = status.IsDemo,
            Note = status.IsDemo ? "The built-in demo model runs because no checkpoints are configured: a small one, for trying things out." : null,
            Loading = loading ? status.Loading ?? "starting" : null,
            Percent = loading ? Math.Round(status.Percent, 1) : null,
            Reason = status.State == EngineState.Failed ? status.Failure ?? "unknown" : null,
            Models = status.Models,
            Device = status.Device,
            Memory = status.Memory,
            Queue = new(status.QueueDepth, status.Running, options.Value.QueueCapacity),
        };
        return TypedResults.Json(body, statusCode: ready ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable);
    }
}
