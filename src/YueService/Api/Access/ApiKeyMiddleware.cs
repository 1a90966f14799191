using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;
using YueService.Api.Errors;
using YueService.Settings;

namespace YueService.Api.Access;

/// <summary>Accepts requests that send one of the API keys; health checks need none.</summary>
internal sealed class ApiKeyMiddleware(RequestDelegate next, IOptions<AccessOptions> options)
{
    private const string Scheme = "Bearer ";
    private readonly byte[][] _keys = [.. options.Value.Keys().Select(Hash)];

    public Task InvokeAsync(HttpContext http)
    {
        if (_keys.Length == 0 || http.Request.Path.StartsWithSegments("/health") || IsKnown(KeyOf(http.Request)))
        {
            return next(http);
        }

        http.Response.Headers.WWWAuthenticate = "Bearer realm=\"yue\"";
        return Problems.Create(http, ProblemType.Unauthorized, "Send the service's API key as Authorization: Bearer KEY.").ExecuteAsync(http);
    }

    /// <summary>Returns the key that a request sends, however its header is written; null without one.</summary>
    public static string? KeyOf(HttpRequest request) =>
        request.Headers.Authorization.ToString() is var header && header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            ? header[Scheme.Length..].Trim()
            : null;

    /// <summary>Takes the same time for all keys of one length: digests are compared, each with every key.</summary>
    private bool IsKnown(string? key)
    {
        if (key is null)
        {
            return false;
        }

        var sent = Hash(key);
        var known = false;
        foreach (var one in _keys)
        {
            known |= CryptographicOperations.FixedTimeEquals(sent, one);
        }

        return known;
    }

    private static byte[] Hash(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));
}
