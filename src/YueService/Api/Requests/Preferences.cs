using Microsoft.Extensions.Primitives;

namespace YueService.Api.Requests;

/// <summary>The <c>Prefer</c> header (RFC 7240).</summary>
internal static class Preferences
{
    /// <summary>The preference that makes an unknown field an error.</summary>
    public const string Strict = "handling=strict";

    /// <summary>The preference that makes a job of a song instead of waiting for it.</summary>
    public const string Async = "respond-async";

    /// <summary>Tells the caller that a preference was heeded.</summary>
    public static void Applied(HttpResponse response, string preference) =>
        response.Headers.Append("Preference-Applied", preference);

    /// <summary>Whether the caller asked for <c>handling=strict</c>.</summary>
    public static bool IsStrict(HttpRequest request) => Has(request.Headers["Prefer"], Strict);

    /// <summary>Whether a preference is among those of a header; parameters after a semicolon are ignored, and so is letter case.</summary>
    public static bool Has(StringValues header, string preference) =>
        header
            .SelectMany(value => (value ?? "").Split(','))
            .Select(
                part => part.Split(';')[0].Replace("\"", "", StringComparison.Ordinal).Replace(" ", "", StringComparison.Ordinal).Trim())
            .Contains(preference, StringComparer.OrdinalIgnoreCase);
}
