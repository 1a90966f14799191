using System.Security.Claims;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;
using YueService.Api.Errors;

namespace YueService.Api.Access;

/// <summary>Authenticates requests that send one of the API keys as a bearer token, or a session cookie.</summary>
/// <remarks>The user's name is that of the key (<see cref="Settings.ApiKeyName"/>), so that the key never appears in logs or
/// traces.</remarks>
internal sealed class ApiKeyHandler(
    IOptionsMonitor<AuthenticationSchemeOptions> schemes, ILoggerFactory loggers, UrlEncoder encoder, ApiKeys keys)
    : AuthenticationHandler<AuthenticationSchemeOptions>(schemes, loggers, encoder)
{
    /// <summary>The name of the authentication scheme.</summary>
    public const string SchemeName = "ApiKey";

    private const string Bearer = "Bearer ";

    protected override Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        var header = Request.Headers.Authorization.ToString();
        if (header.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase))
        {
            var name = keys.NameOf(header[Bearer.Length..].Trim());
            return Task.FromResult(Result(name, "The bearer token is not an API key of this service."));
        }

        return Task.FromResult(Request.Cookies[SessionEndpoints.Cookie] is { } token
            ? Result(keys.NameOfToken(token), "The session token is invalid or has expired, or the session has ended.")
            : AuthenticateResult.NoResult());
    }

    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        Response.Headers.WWWAuthenticate = "Bearer realm=\"yue\"";
        return Problems.Create(
            Context, ProblemType.Unauthorized, "Send the service's API key as Authorization: Bearer KEY.").ExecuteAsync(Context);
    }

    private AuthenticateResult Result(string? name, string failure)
    {
        if (name is null)
        {
            return AuthenticateResult.Fail(failure);
        }

        var user = new ClaimsPrincipal(new ClaimsIdentity([new Claim(ClaimTypes.Name, name)], Scheme.Name));
        return AuthenticateResult.Success(new AuthenticationTicket(user, Scheme.Name));
    }
}
