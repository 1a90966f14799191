using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;
using YueService.Settings;

namespace YueService.Api.Access;

/// <summary>The service's API keys, and the session tokens that are derived from them.</summary>
/// <remarks>
/// A token is <c>EXPIRY.ID.SIGNATURE</c>: a time in Unix seconds, a random id, and the base64url-encoded HMAC-SHA256 of both, with the API
/// key as its key. The service does not store valid sessions, only those that were signed out. Therefore, sessions survive a restart, are
/// valid in every process that has the key, and end when the key is changed. A token does not reveal the key.
/// </remarks>
internal sealed class ApiKeys(IOptions<AccessOptions> access, IEndedSessions ended, TimeProvider clock)
{
    /// <summary>The length of a session.</summary>
    public static readonly TimeSpan SessionLength = TimeSpan.FromDays(30);

    private const int IdLength = 32;

    /// <summary>True if callers need a key.</summary>
    public bool AreSet => access.Value.Keys().Count > 0;

    /// <summary>Returns the name of a key; null if it is not one of the service's keys.</summary>
    /// <remarks>Takes the same time for all strings of the same length: it compares digests, and it always checks every key.</remarks>
    public string? NameOf(string key)
    {
        var sent = Hash(key);
        return Match(own => CryptographicOperations.FixedTimeEquals(sent, Hash(own)));
    }

    /// <summary>Returns a session token for one of the service's keys.</summary>
    public string Issue(string key)
    {
        var expiry = (clock.GetUtcNow() + SessionLength).ToUnixTimeSeconds();
        var id = RandomNumberGenerator.GetHexString(IdLength, lowercase: true);
        var session = string.Create(CultureInfo.InvariantCulture, $"{expiry}.{id}");
        return $"{session}.{Sign(key, session)}";
    }

    /// <summary>Returns the name of the key that a session token was derived from; null if the token is invalid or has expired, or if its
    /// session was ended.</summary>
    public string? NameOfToken(string token) => Verify(token) is var (name, _, id) && !ended.Contains(id) ? name : null;

    /// <summary>Ends the session of a token, unless the token is invalid or has expired.</summary>
    /// <exception cref="IOException">The session has ended, but may be valid again after a restart.</exception>
    /// <exception cref="UnauthorizedAccessException">The session has ended, but may be valid again after a restart.</exception>
    /// <exception cref="Jobs.StorageException">The session has ended, but may be valid again after a restart.</exception>
    public async Task EndAsync(string token)
    {
        if (Verify(token) is var (_, expiry, id))
        {
            await ended.AddAsync(id, expiry);
        }
    }

    /// <summary>Returns the name of the key that a token was derived from, its expiry and its id; null if the token is invalid or has
    /// expired.</summary>
    private (string Name, long Expiry, string Id)? Verify(string token) =>
        Parse(token) is var (session, expiry, id) && expiry > clock.GetUtcNow().ToUnixTimeSeconds()
            && Match(key => IsEqual(token, $"{session}.{Sign(key, session)}")) is { } name
            ? (name, expiry, id)
            : null;

    /// <summary>Returns the signed part of a token, its expiry and its id; null if the text is not a token.</summary>
    private static (string Session, long Expiry, string Id)? Parse(string token) =>
        token.Split('.') is [var expiry, { Length: IdLength } id, _]
            && long.TryParse(expiry, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
            ? ($"{expiry}.{id}", seconds, id)
            : null;

    private static bool IsEqual(string sent, string own) =>
        CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(sent), Encoding.UTF8.GetBytes(own));

    /// <summary>Returns the name of the key that matches; null if none does.</summary>
    private string? Match(Func<string, bool> matches)
    {
        string? found = null;
        foreach (var key in access.Value.Keys())
        {
            found = matches(key) ? key : found;
        }

        return found is null ? null : ApiKeyName.Of(found);
    }

    private static string Sign(string key, string session) =>
        System.Buffers.Text.Base64Url.EncodeToString(
            HMACSHA256.HashData(Encoding.UTF8.GetBytes(key), Encoding.UTF8.GetBytes($"yue session {session}")));

    private static byte[] Hash(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));
}
