using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;
using YueService.Errors;
using YueService.Settings;

namespace YueService.Access;

/// <summary>Lets in who sends one of the API keys; health checks need none.</summary>
internal sealed class ApiKeyMiddleware(RequestDelegate next, IOptions<AccessOptions> options)
{
    private const string Scheme = "Bearer ";
    private readonly byte[][] _keys = [.. options.Value.Keys().Select(Hash)];

    public Task InvokeAsync(HttpContext http)
    {
        if (_keys.Length == 0 || http.Request.Path.StartsWithSegments("/health") || IsKnown(http.Request.Headers.Authorization.ToString()))
        {
            return next(http);
        }

        http.Response.Headers.WWWAuthenticate = "Bearer realm=\"yue\"";
        return Problems.Create(http, ProblemType.Unauthorized, "Send the service's API key as Authorization: Bearer KEY.").ExecuteAsync(http);
    }

    /// <summary>Takes the same time for every header of a length: digests are compared, each with every key.</summary>
    private bool IsKnown(string authorization)
    {
        if (!authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
        {
            return false;
        }

        var sent = Hash(authorization[Scheme.Length..].Trim());
        var known = false;
        foreach (var key in _keys)
        {
            known |= CryptographicOperations.FixedTimeEquals(sent, key);
        }

        return known;
    }

    private static byte[] Hash(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));
}
