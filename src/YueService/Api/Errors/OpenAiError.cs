namespace YueService.Api.Errors;

/// <summary>An error in the format of OpenAI's API, in addition to the problem details: OpenAI's clients show only
/// <c>message</c>.</summary>
/// <param name="Message">The same as <c>detail</c>.</param>
/// <param name="Type">The kind of error, by the name that OpenAI's clients know.</param>
/// <param name="Param">Always null; <c>errors</c> names the fields.</param>
/// <param name="Code">The same as <c>type</c> of the problem.</param>
internal sealed record OpenAiError(string Message, string Type, string? Param, string Code)
{
    private static readonly string[] Own = ["/v1/songs", "/v1/groups", "/v1/events", "/v1/clips", "/v1/options"];

    public static OpenAiError From(ProblemType type, string detail) => new(
        detail,
        type.Status switch
        {
            StatusCodes.Status401Unauthorized => "authentication_error",
            StatusCodes.Status429TooManyRequests => "rate_limit_error",
            >= 500 => "server_error",
            _ => "invalid_request_error",
        },
        null,
        type.Urn);

    /// <summary>Returns whether OpenAI's clients might request a path. Such clients may also try endpoints that do not exist here, so
    /// every path below <c>/v1</c> counts, except some resources that they never use.</summary>
    public static bool IsExpectedAt(PathString path) =>
        path.StartsWithSegments("/v1") && !Own.Any(own => path.StartsWithSegments(own));
}
