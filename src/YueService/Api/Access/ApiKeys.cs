using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;
using YueService.Settings;

namespace YueService.Api.Access;

/// <summary>The service's API keys, and the session tokens that are derived from them.</summary>
/// <remarks>
/// A token is <c>EXPIRY.SIGNATURE</c>: a time in Unix seconds, and its HMAC-SHA256 under the key in base64url. Nothing is stored, so
/// sessions outlive a restart, and end when the key is changed. A token does not reveal the key.
/// </remarks>
internal sealed class ApiKeys(IOptions<AccessOptions> access, TimeProvider clock)
{
    /// <summary>The length of a session.</summary>
    public static readonly TimeSpan SessionLength = TimeSpan.FromDays(30);

    /// <summary>True if callers need a key.</summary>
    public bool AreSet => access.Value.Keys().Count > 0;

    /// <summary>Returns the number of a key among the service's; null if it is none of them.</summary>
    /// <remarks>Takes the same time for all texts of one length: digests are compared, each with every key.</remarks>
    public int? NumberOf(string key)
    {
        var sent = Hash(key);
        return Match(own => CryptographicOperations.FixedTimeEquals(sent, Hash(own)));
    }

    /// <summary>Returns a session token for one of the service's keys.</summary>
    public string Issue(string key)
    {
        var expiry = (clock.GetUtcNow() + SessionLength).ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        return $"{expiry}.{Sign(key, expiry)}";
    }

    /// <summary>Returns the number of the key that a session token was derived from; null if it is invalid or has expired.</summary>
    public int? NumberOfToken(string token)
    {
        var expiry = token.Split('.')[0];
        if (!long.TryParse(expiry, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
            || seconds <= clock.GetUtcNow().ToUnixTimeSeconds())
        {
            return null;
        }

        var sent = Encoding.UTF8.GetBytes(token);
        return Match(key => CryptographicOperations.FixedTimeEquals(sent, Encoding.UTF8.GetBytes($"{expiry}.{Sign(key, expiry)}")));
    }

    private int? Match(Func<string, bool> matches)
    {
        int? found = null;
        foreach (var (number, key) in access.Value.Keys().Index())
        {
            found = matches(key) ? number : found;
        }

        return found;
    }

    private static string Sign(string key, string expiry) =>
        System.Buffers.Text.Base64Url.EncodeToString(
            HMACSHA256.HashData(Encoding.UTF8.GetBytes(key), Encoding.UTF8.GetBytes($"yue session until {expiry}")));

    private static byte[] Hash(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));
}
