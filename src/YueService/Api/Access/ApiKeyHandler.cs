using System.Globalization;
using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;
using YueService.Api.Errors;
using YueService.Settings;

namespace YueService.Api.Access;

/// <summary>Authenticates requests that send one of the API keys as a bearer token.</summary>
/// <remarks>The user's name is the number of the key, so that no log line or trace can show the key.</remarks>
internal sealed class ApiKeyHandler(
    IOptionsMonitor<AuthenticationSchemeOptions> schemes, ILoggerFactory loggers, UrlEncoder encoder, IOptions<AccessOptions> access)
    : AuthenticationHandler<AuthenticationSchemeOptions>(schemes, loggers, encoder)
{
    /// <summary>The name of the authentication scheme.</summary>
    public const string SchemeName = "ApiKey";

    private const string Bearer = "Bearer ";

    protected override Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        var header = Request.Headers.Authorization.ToString();
        if (!header.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase))
        {
            return Task.FromResult(AuthenticateResult.NoResult());
        }

        if (NumberOf(header[Bearer.Length..].Trim()) is not { } number)
        {
            return Task.FromResult(AuthenticateResult.Fail("The bearer token is not an API key of this service."));
        }

        var name = new Claim(ClaimTypes.Name, number.ToString(CultureInfo.InvariantCulture));
        var user = new ClaimsPrincipal(new ClaimsIdentity([name], Scheme.Name));
        return Task.FromResult(AuthenticateResult.Success(new AuthenticationTicket(user, Scheme.Name)));
    }

    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        Response.Headers.WWWAuthenticate = "Bearer realm=\"yue\"";
        return Problems.Create(
            Context, ProblemType.Unauthorized, "Send the service's API key as Authorization: Bearer KEY.").ExecuteAsync(Context);
    }

    /// <summary>Returns the number of a key among the service's; null if it is none of them.</summary>
    /// <remarks>Takes the same time for all tokens of one length: digests are compared, each with every key.</remarks>
    private int? NumberOf(string token)
    {
        var sent = Hash(token);
        int? found = null;
        foreach (var (number, key) in access.Value.Keys().Index())
        {
            found = CryptographicOperations.FixedTimeEquals(sent, Hash(key)) ? number : found;
        }

        return found;
    }

    private static byte[] Hash(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));
}
