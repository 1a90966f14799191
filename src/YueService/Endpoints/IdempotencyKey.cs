using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace YueService.Endpoints;

/// <summary>The <c>Idempotency-Key</c> header: a request that is sent again makes no second song.</summary>
internal static class IdempotencyKey
{
    private const string Header = "Idempotency-Key";
    private const int MaxLength = 255;

    /// <summary>The key of a request; null without one.</summary>
    /// <param name="request">The request.</param>
    /// <param name="fault">What is wrong with the header; null when nothing is.</param>
    public static string? Read(HttpRequest request, out string? fault)
    {
        fault = null;
        var values = request.Headers[Header];
        if (values.Count == 0)
        {
            return null;
        }

        var key = values.ToString();
        if (values.Count == 1 && key.Length is >= 1 and <= MaxLength && key.All(character => character is >= ' ' and <= '~'))
        {
            return key;
        }

        fault = $"{Header} must be 1 to {MaxLength} printable ASCII characters, sent once.";
        return null;
    }

    /// <summary>What tells one body from another.</summary>
    public static string HashOf(JsonElement body) =>
        Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(body.GetRawText())));
}
