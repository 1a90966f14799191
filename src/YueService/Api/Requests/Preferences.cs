using Microsoft.Extensions.Primitives;

namespace YueService.Api.Requests;

/// <summary>The <c>Prefer</c> header (RFC 7240).</summary>
internal static class Preferences
{
    /// <summary>The preference that makes an unknown field an error.</summary>
    public const string Strict = "handling=strict";

    /// <summary>The preference that creates a job instead of waiting for the song.</summary>
    public const string Async = "respond-async";

    /// <summary>Tells the caller that a preference was applied.</summary>
    public static void Applied(HttpResponse response, string preference) =>
        response.Headers.Append("Preference-Applied", preference);

    /// <summary>Returns true if the caller requested <c>handling=strict</c>.</summary>
    public static bool IsStrict(HttpRequest request) => Has(request.Headers["Prefer"], Strict);

    /// <summary>Returns whether a header contains a preference. Parameters after a semicolon and letter case are ignored.</summary>
    public static bool Has(StringValues header, string preference) =>
        header
            .SelectMany(value => (value ?? "").Split(','))
            .Select(
                part => part.Split(';')[0].Replace("\"", "", StringComparison.Ordinal).Replace(" ", "", StringComparison.Ordinal).Trim())
            .Contains(preference, StringComparer.OrdinalIgnoreCase);
}
