using YueService.Jobs;

namespace YueService.Api.Errors;

/// <summary>The kinds of problems that the service returns. The <c>urn:yue:…</c> names are a contract: clients branch on them.</summary>
/// <param name="Urn">The stable name: the <c>type</c> of the problem details.</param>
/// <param name="Status">The HTTP status.</param>
/// <param name="Title">The title, which is the same for every problem of this kind.</param>
internal sealed record ProblemType(string Urn, int Status, string Title)
{
    public static readonly ProblemType MalformedJson = new("urn:yue:malformed-json", 400, "The body is not JSON");
    public static readonly ProblemType BadRequest = new("urn:yue:bad-request", 400, "The request cannot be read");
    public static readonly ProblemType Unauthorized = new("urn:yue:unauthorized", 401, "The API key is missing or wrong");
    public static readonly ProblemType ForeignOrigin = new(
        "urn:yue:foreign-origin", 403, "Web pages from this origin may not use the service");
    public static readonly ProblemType NotFound = new("urn:yue:not-found", 404, "There is no such resource");
    public static readonly ProblemType MethodNotAllowed = new("urn:yue:method-not-allowed", 405, "The method is not allowed here");
    public static readonly ProblemType NotAcceptable = new("urn:yue:not-acceptable", 406, "No acceptable response format exists");
    public static readonly ProblemType NoSongYet = new("urn:yue:no-song-yet", 409, "The song is not available");
    public static readonly ProblemType NoCodes = new("urn:yue:no-codes", 409, "The song has no codes");
    public static readonly ProblemType ModelInUse = new("urn:yue:model-in-use", 409, "Songs in progress use the model");
    public static readonly ProblemType ModelElsewhere = new("urn:yue:model-elsewhere", 409, "Other processes have the model");
    public static readonly ProblemType ChangedSince = new("urn:yue:changed-since", 412, "The song has been changed");
    public static readonly ProblemType BodyTooLarge = new("urn:yue:body-too-large", 413, "The body is too large");
    public static readonly ProblemType UnsupportedMediaType = new("urn:yue:unsupported-media-type", 415, "The body is of the wrong type");
    public static readonly ProblemType UnknownHost = new("urn:yue:unknown-host", 421, "The host name is not allowed");
    public static readonly ProblemType InvalidRequest = new("urn:yue:invalid-request", 422, "Fields of the request are invalid");
    public static readonly ProblemType Unsingable = new("urn:yue:unsingable", 422, "The model cannot sing this song");
    public static readonly ProblemType FormatUnavailable = new("urn:yue:format-unavailable", 422, "The format cannot be made here");
    public static readonly ProblemType IdempotencyKeyReused = new(
        "urn:yue:idempotency-key-reused", 422, "The idempotency key was used for another request");
    public static readonly ProblemType QueueFull = new("urn:yue:queue-full", 429, "The queue is full");
    public static readonly ProblemType RateLimited = new("urn:yue:rate-limited", 429, "Too many requests");
    public static readonly ProblemType InternalError = new("urn:yue:internal-error", 500, "The service failed");
    public static readonly ProblemType SongFailed = new("urn:yue:song-failed", 500, "The song could not be made");
    public static readonly ProblemType SongDamaged = new("urn:yue:song-damaged", 500, "The stored song is damaged");
    public static readonly ProblemType NotReady = new("urn:yue:not-ready", 503, "The service is not ready");
    public static readonly ProblemType ModelNotLoaded = new("urn:yue:model-not-loaded", 503, "The model could not be loaded");
    public static readonly ProblemType TooManyBodies = new("urn:yue:too-many-bodies", 503, "Too many large requests at once");
    public static readonly ProblemType StorageUnavailable = new("urn:yue:storage-unavailable", 503, "Files cannot be stored now");
    public static readonly ProblemType ClipsFull = new("urn:yue:clips-full", 507, "There is no room for another clip");
    public static readonly ProblemType Timeout = new("urn:yue:timeout", 504, "The response took too long");
    public static readonly ProblemType EngineLost = new("urn:yue:engine-lost", 503, "The device is lost");

    /// <summary>Returns the type for a job's fault.</summary>
    public static ProblemType Of(FaultKind kind) => kind switch
    {
        FaultKind.Unsingable => Unsingable,
        FaultKind.SongFailed => SongFailed,
        FaultKind.SongDamaged => SongDamaged,
        FaultKind.StorageUnavailable => StorageUnavailable,
        FaultKind.EngineLost => EngineLost,
        _ => InternalError,
    };

    /// <summary>Returns the type for a status that was set outside the endpoints, for example by routing or the server.</summary>
    public static ProblemType ForStatus(int status) => status switch
    {
        StatusCodes.Status404NotFound => NotFound,
        StatusCodes.Status405MethodNotAllowed => MethodNotAllowed,
        StatusCodes.Status413PayloadTooLarge => BodyTooLarge,
        StatusCodes.Status415UnsupportedMediaType => UnsupportedMediaType,
        StatusCodes.Status504GatewayTimeout => Timeout,
        StatusCodes.Status501NotImplemented or StatusCodes.Status505HttpVersionNotsupported => BadRequest with { Status = status },
        >= 500 => InternalError,
        _ => BadRequest with { Status = status },
    };
}
