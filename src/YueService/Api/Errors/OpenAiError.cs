namespace YueService.Api.Errors;

/// <summary>An error in the form of OpenAI's interface, beside the problem
/// details: their clients show <c>message</c> and nothing else.</summary>
/// <param name="Message">As <c>detail</c>.</param>
/// <param name="Type">The kind of error that their clients know.</param>
/// <param name="Param">Always null; <c>errors</c> names the fields.</param>
/// <param name="Code">As <c>type</c> of the problem.</param>
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

    /// <summary>Returns whether clients of OpenAI's interface ask for a path: everything below <c>/v1</c> but the service's own jobs, since
    /// such a client may try what is not here.</summary>
    public static bool IsExpectedAt(PathString path) =>
        path.StartsWithSegments("/v1") && !Own.Any(own => path.StartsWithSegments(own));
}
