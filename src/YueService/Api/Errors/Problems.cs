using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;
using Yue.Engine.Scheduling;
using YueService.Jobs;
using YueService.Settings;
using YueService.Telemetry;

namespace YueService.Api.Errors;

/// <summary>Problem details (RFC 9457) in the form that all errors share.</summary>
internal static class Problems
{
    private const int RetryWhileLoadingSeconds = 5;
    private const int RetryAfterRestartSeconds = 30;
    private const int RetryBodySeconds = 5;
    private const int MaxRetrySeconds = 24 * 60 * 60;

    /// <summary>Creates a problem.</summary>
    /// <param name="http">The request that caused it.</param>
    /// <param name="type">The kind.</param>
    /// <param name="detail">The error in this case and how to fix it.</param>
    public static ProblemHttpResult Create(HttpContext http, ProblemType type, string detail) => Create(http, type, detail, []);

    /// <summary>Creates a 422 that lists every invalid field with its messages under <c>errors</c>.</summary>
    public static ProblemHttpResult Invalid(HttpContext http, IReadOnlyDictionary<string, string[]> errors)
    {
        var detail = errors.Count == 1
            ? errors.Values.First()[0]
            : $"{errors.Count} fields are invalid: {string.Join(", ", errors.Keys.Take(20))}{(errors.Count > 20 ? " …" : "")}.";
        return Create(http, ProblemType.InvalidRequest, detail, new() { ["errors"] = errors });
    }

    /// <summary>Returns the problem for a rejected request; null if the request was accepted.</summary>
    public static ProblemHttpResult? Refusal(HttpContext http, IntakeOutcome outcome, EngineStatus status, JobEstimate estimate) =>
        outcome switch
        {
            IntakeOutcome.QueueFull => QueueFull(http, estimate),
            IntakeOutcome.OwnerQueueFull => QueueFull(
                http,
                estimate,
                $"The limit of {CapacityPerKey(http)} waiting songs for this API key (the setting Yue:QueueCapacityPerKey) is reached. "),
            IntakeOutcome.NotReady => NotReady(http, status),
            IntakeOutcome.KeyTaken => Create(
                http, ProblemType.IdempotencyKeyReused, "This Idempotency-Key was already used with another body. Send a new key."),
            _ => null,
        };

    /// <summary>Creates a 429: the queue is full, or the limit for one API key is reached. <c>Retry-After</c> contains the time after which
    /// a slot is likely to be free.</summary>
    public static ProblemHttpResult QueueFull(HttpContext http, JobEstimate estimate, string reason = "")
    {
        var seconds = SetRetryAfter(http, estimate.RetryAfter().TotalSeconds);
        return Create(http, ProblemType.QueueFull, $"{reason}Try again in about {seconds} s.");
    }

    /// <summary>Creates a 422: the format needs a program that is missing.</summary>
    /// <param name="http">The request.</param>
    /// <param name="format">The format.</param>
    /// <param name="field">The field or parameter that names it; null if none does.</param>
    public static ProblemHttpResult FormatUnavailable(HttpContext http, string format, string? field)
    {
        var detail = $"{format} needs ffmpeg, which is not installed here. Request wav, or install ffmpeg.";
        return Create(http, ProblemType.FormatUnavailable, detail, field is null ? [] : ErrorsOf(field, detail));
    }

    /// <summary>Creates a 422: the fields are within their bounds, but the song would certainly fail.</summary>
    /// <param name="http">The request.</param>
    /// <param name="field">The field to change.</param>
    /// <param name="detail">The error and how to fix it.</param>
    public static ProblemHttpResult Unsingable(HttpContext http, string field, string detail) =>
        Create(http, ProblemType.Unsingable, detail, ErrorsOf(field, detail));

    /// <summary>Creates a 503: the bodies of other requests leave no room for this one.</summary>
    public static ProblemHttpResult TooManyBodies(HttpContext http, long maxBytes)
    {
        SetRetryAfter(http, RetryBodySeconds);
        return Create(
            http,
            ProblemType.TooManyBodies,
            $"The bodies of all requests together may use at most {maxBytes >> 20} MiB. "
                + "Try again soon, or raise the setting Yue:BodyBudgetMegabytes.");
    }

    /// <summary>Creates a 503: the storage cannot be used now.</summary>
    public static ProblemHttpResult StorageUnavailable(HttpContext http, StorageException failure)
    {
        SetRetryAfter(http, RetryWhileLoadingSeconds);
        return Create(http, ProblemType.StorageUnavailable, failure.Message);
    }

    /// <summary>Creates a 409: the song is not available. If its job is queued or running, <c>Retry-After</c> says when to retry.</summary>
    public static ProblemHttpResult NoSongYet(HttpContext http, JobView view, JobEstimate estimate)
    {
        var state = view.State;
        var onItsWay = state is JobState.Queued or JobState.Running;
        if (onItsWay)
        {
            var secondsLeft = view.Live is { } live ? estimate.SecondsLeft(live.Feed.Latest, live) : null;
            SetRetryAfter(http, secondsLeft ?? RetryWhileLoadingSeconds);
        }

        var name = JsonNamingPolicy.SnakeCaseLower.ConvertName(state.ToString());
        return Create(
            http,
            ProblemType.NoSongYet,
            onItsWay ? $"The job is {name}; it has no song yet." : $"The job is {name}; it has no song.",
            new() { ["state"] = name });
    }

    /// <summary>Creates a 503: the engine is loading, has failed or is draining.</summary>
    public static ProblemHttpResult NotReady(HttpContext http, EngineStatus status)
    {
        var (state, detail, retrySeconds) = status.State switch
        {
            EngineState.Failed => ("failed", "The engine could not start; GET /health says why.", RetryAfterRestartSeconds),
            EngineState.Draining => ("draining", "The service is shutting down.", RetryAfterRestartSeconds),
            _ => ("loading", string.Create(
                CultureInfo.InvariantCulture,
                $"The models are being loaded: {status.Loading ?? "starting"}, {status.Percent:F0} %."), RetryWhileLoadingSeconds),
        };
        SetRetryAfter(http, retrySeconds);
        return Create(http, ProblemType.NotReady, detail, new() { ["state"] = state });
    }

    /// <summary>Creates a 503: the device is lost and the process exits. The caller can try again after the restart.</summary>
    public static ProblemHttpResult EngineLost(HttpContext http)
    {
        SetRetryAfter(http, RetryAfterRestartSeconds);
        return Create(http, ProblemType.EngineLost, "The song was not made. Try again after the service has restarted.");
    }

    /// <summary>Sets <c>Retry-After</c> to whole seconds, from one second to one day, and returns them.</summary>
    public static int SetRetryAfter(HttpContext http, double waitSeconds)
    {
        var seconds = (int)Math.Clamp(Math.Ceiling(waitSeconds), 1, MaxRetrySeconds);
        http.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        return seconds;
    }

    /// <summary>Creates the details that all problems have, including those of requests that never reach an endpoint.</summary>
    /// <param name="type">The kind.</param>
    /// <param name="detail">The error in this case and how to fix it.</param>
    /// <param name="traceId">The trace identifier of the log entry.</param>
    /// <param name="isForOpenAi">True if the client may be one of OpenAI's, which read only <c>error</c>.</param>
    public static ProblemDetails Details(ProblemType type, string detail, string traceId, bool isForOpenAi)
    {
        var problem = new ProblemDetails { Type = type.Urn, Title = type.Title, Status = type.Status, Detail = detail };
        problem.Extensions["trace_id"] = traceId;
        if (isForOpenAi)
        {
            problem.Extensions["error"] = OpenAiError.From(type, detail);
        }

        return problem;
    }

    private static int CapacityPerKey(HttpContext http) =>
        http.RequestServices.GetRequiredService<IOptions<JobOptions>>().Value.QueueCapacityPerKey;

    private static Dictionary<string, object?> ErrorsOf(string field, string message) =>
        new() { ["errors"] = new Dictionary<string, string[]> { [field] = [message] } };

    private static ProblemHttpResult Create(HttpContext http, ProblemType type, string detail, Dictionary<string, object?> extensions)
    {
        var problem = Details(type, detail, TraceIds.TraceId(http), OpenAiError.IsExpectedAt(http.Request.Path));
        foreach (var (name, value) in extensions)
        {
            problem.Extensions[name] = value;
        }

        return TypedResults.Problem(problem);
    }
}
