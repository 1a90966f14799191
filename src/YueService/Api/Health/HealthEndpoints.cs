using Microsoft.AspNetCore.Http.HttpResults;
using Yue.Engine.Scheduling;
using YueService.Jobs;
using YueService.Telemetry;

namespace YueService.Api.Health;

/// <summary><c>/health</c>, <c>/health/ready</c> and <c>/health/live</c>.</summary>
internal static class HealthEndpoints
{
    private static readonly string[] Methods = [HttpMethods.Get, HttpMethods.Head];

    public static void MapHealth(this IEndpointRouteBuilder routes)
    {
        // Probes send no key.
        var health = routes.MapGroup("/health").AllowAnonymous().WithTags("Health");
        health.MapMethods("", Methods, HealthAsync).WithName("GetHealth");
        health.MapMethods("/ready", Methods, ReadyAsync).WithName("GetReadiness");
        health.MapMethods("/live", Methods, Live).WithName("GetLiveness");
    }

    /// <summary>Returns ok as long as the process responds.</summary>
    internal static Ok<LiveResponse> Live(HttpContext http)
    {
        http.Response.Headers.CacheControl = "no-store";
        return TypedResults.Ok(new LiveResponse("ok"));
    }

    /// <summary>Returns whether a song can be made. Jobs also need storage, so they may still be rejected.</summary>
    /// <response code="200">Songs can be made. Models that are not in memory are loaded when a song needs them.</response>
    /// <response code="503">The models are being loaded or could not be loaded, the device is lost, or the service is shutting
    /// down.</response>
    internal static async Task<JsonHttpResult<HealthResponse>> HealthAsync(
        HttpContext http, ISongEngine engine, JobStore jobs, IJobBoard board)
    {
        var body = await DescribeAsync(http, engine, jobs, board);
        return Respond(body, body.State == EngineState.Ready);
    }

    /// <summary>Returns whether every request can be served.</summary>
    /// <response code="200">Songs can be made, and jobs are accepted.</response>
    /// <response code="503">The same as for <c>/health</c>, or jobs cannot be accepted.</response>
    internal static async Task<JsonHttpResult<HealthResponse>> ReadyAsync(
        HttpContext http, ISongEngine engine, JobStore jobs, IJobBoard board)
    {
        var body = await DescribeAsync(http, engine, jobs, board);
        return body.JobsRefused is null
            ? Respond(body, body.State == EngineState.Ready)
            : Respond(body with { Status = "jobs_refused" }, isReady: false);
    }

    private static JsonHttpResult<HealthResponse> Respond(HealthResponse body, bool isReady) =>
        TypedResults.Json(body, statusCode: isReady ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable);

    private static async Task<HealthResponse> DescribeAsync(
        HttpContext http, ISongEngine engine, JobStore jobs, IJobBoard board)
    {
        http.Response.Headers.CacheControl = "no-store";
        var status = engine.Status;
        var loading = status.State == EngineState.Loading;
        return new HealthResponse
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
            Note = status.IsDemo ? "No checkpoints are configured, so the built-in demo model is in use: "
                + "a small model for trying things out." : null,
            Idle = status.IsIdle,
            Loading = loading ? status.Loading ?? "starting" : null,
            Percent = loading ? Math.Round(status.Percent, 1) : null,
            Reason = status.State == EngineState.Failed ? status.Failure ?? "unknown" : null,
            JobsRefused = status.State == EngineState.Ready ? await jobs.WhyClosedAsync(http.RequestAborted) : null,
            Models = status.Models,
            Device = status.Device,
            Memory = status.Memory,
            Queue = new(board.Depth, status.Running, board.Capacity),
        };
    }
}
