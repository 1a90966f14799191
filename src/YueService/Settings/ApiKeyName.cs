using System.Security.Cryptography;
using System.Text;

namespace YueService.Settings;

/// <summary>The name of an API key, which is stored and compared instead of the key.</summary>
internal static class ApiKeyName
{
    private const int Length = 16;

    /// <summary>Returns the name of a key: the first hexadecimal digits of an HMAC-SHA256 that uses the key. The name does not depend on
    /// the other keys.</summary>
    public static string Of(string key) =>
        Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(key), "yue key name"u8))[..Length];
}
