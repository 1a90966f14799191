using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using YueService.Api.Requests;

namespace YueService.Api.Songs;

/// <summary>The <c>Idempotency-Key</c> header, which prevents a repeated request from making a second song.</summary>
internal static class IdempotencyKey
{
    private const string Header = "Idempotency-Key";
    private const int MaxLength = 255;

    /// <summary>Returns the key of a request; null if it has none, or if the key is invalid.</summary>
    /// <param name="request">The request.</param>
    /// <param name="fault">The error in the header; null if the header is valid or absent.</param>
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

    /// <summary>Returns the warning for a waiting caller that sent a key. The caller's song is not kept, so a second request could
    /// not return that song.</summary>
    public static IEnumerable<string> WarningsIfIgnored(HttpRequest request)
    {
        if (request.Headers.ContainsKey(Header))
        {
            yield return $"{Header} was ignored: it applies only to jobs (POST /v1/songs, or Prefer: respond-async)";
        }
    }

    /// <summary>Returns a fingerprint of a body: a hash of its JSON and its files.</summary>
    public static async Task<string> HashAsync(SongBody body, CancellationToken cancel)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(JsonMarshal.GetRawUtf8Value(body.Json));
        foreach (var (name, file) in body.Files.OrderBy(file => file.Key, StringComparer.Ordinal))
        {
            hash.AppendData(Encoding.UTF8.GetBytes(name));
            hash.AppendData(await file.HashAsync(cancel));
        }

        return Convert.ToHexString(hash.GetHashAndReset());
    }
}
