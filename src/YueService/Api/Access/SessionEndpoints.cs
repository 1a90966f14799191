using Microsoft.AspNetCore.Http.HttpResults;
using YueService.Api.Errors;
using YueService.Api.OpenApi;
using YueService.Api.Requests;
using YueService.Jobs;

namespace YueService.Api.Access;

/// <summary><c>/v1/session</c>: a page sends the key once and then uses a cookie, which scripts cannot read.</summary>
/// <remarks>Audio elements and event streams cannot send a bearer token; they send cookies.</remarks>
internal static class SessionEndpoints
{
    /// <summary>The name of the cookie.</summary>
    public const string Cookie = "yue_session";

    public static void MapSession(this IEndpointRouteBuilder routes)
    {
        var session = routes.MapGroup("/v1/session").WithTags("Sign-in");
        session.MapPost("", SignInAsync)
            .AllowAnonymous()
            .ReadsJson(ApiBodies.Session)
            .WithName("SignIn")
            .Describe(
                "Sign in",
                "Sets a cookie that replaces the bearer token for 30 days. Scripts cannot read the cookie, and browsers send it "
                    + "only with requests from pages of this service. With the cookie, requests other than GET and HEAD need the "
                    + "service's own Origin. A service without a key sets no cookie.",
                ApiResponse.Problem(401, "The key is not an API key of this service."),
                ApiResponse.Problem(422, "The key is missing."));
        session.MapDelete("", SignOutAsync)
            .AllowAnonymous()
            .WithName("SignOut")
            .Describe(
                "Sign out",
                "Ends the session and removes its cookie. From then on, copies of the cookie are rejected.",
                ApiResponse.Problem(503, "The session has ended, but this could not be stored; it may be valid again after a restart."));
    }

    private static async Task<Results<NoContent, ProblemHttpResult>> SignInAsync(HttpContext http, ApiKeys keys, BodyReader bodies)
    {
        var (body, unreadable) = await bodies.ReadJsonAsync(http);
        if (body is null)
        {
            return unreadable!;
        }

        using (body)
        {
            var findings = new RequestFindings();
            var fields = new FieldReader(body.Json, "", findings);
            var key = fields.Text(SessionFields.Key);
            fields.Finish();
            findings.ReportUnknown(strict: true);
            if (key is null && findings.IsValid)
            {
                findings.Error(SessionFields.Key.Path, "key is missing; send the service's API key.");
            }

            return !findings.IsValid ? Problems.Invalid(http, findings.Errors)
                : keys.AreSet && keys.NameOf(key!) is null
                    ? Problems.Create(http, ProblemType.Unauthorized, "The key is not an API key of this service.")
                    : Start(http, keys, key!);
        }
    }

    private static NoContent Start(HttpContext http, ApiKeys keys, string key)
    {
        if (keys.AreSet)
        {
            http.Response.Cookies.Append(Cookie, keys.Issue(key), Options(http, ApiKeys.SessionLength));
        }

        return TypedResults.NoContent();
    }

    private static async Task<Results<NoContent, ProblemHttpResult>> SignOutAsync(HttpContext http, ApiKeys keys)
    {
        http.Response.Cookies.Delete(Cookie, Options(http, length: null));
        try
        {
            await keys.EndAsync(http.Request.Cookies[Cookie] ?? "");
            return TypedResults.NoContent();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or StorageException)
        {
            return Problems.Create(
                http,
                ProblemType.StorageUnavailable,
                $"The session has ended, but it may be valid again after a restart of the service: {e.Message}");
        }
    }

    private static CookieOptions Options(HttpContext http, TimeSpan? length) => new()
    {
        HttpOnly = true,
        SameSite = SameSiteMode.Strict,
        Secure = http.Request.IsHttps,
        MaxAge = length,
        IsEssential = true,
    };
}
