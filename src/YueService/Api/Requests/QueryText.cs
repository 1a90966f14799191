using System.Globalization;

namespace YueService.Api.Requests;

/// <summary>Reads parameters of a query.</summary>
internal static class QueryText
{
    private const int MaxLength = 200;

    /// <summary>Returns text; null if it is absent or too long.</summary>
    public static string? Text(HttpContext http, string name, RequestFindings findings)
    {
        var text = http.Request.Query[name].ToString();
        if (JsonText.CountCharacters(text) <= MaxLength)
        {
            return text.Length == 0 ? null : text;
        }

        findings.Error(name, $"{name} has {JsonText.CountCharacters(text)} characters; send up to {MaxLength}.");
        return null;
    }

    /// <summary>Returns the value that a name stands for; the default if it is absent or stands for none.</summary>
    public static T? OneOf<T>(HttpContext http, string name, IReadOnlyDictionary<string, T> values, RequestFindings findings) =>
        Find(http, name, values, findings) is { } found ? values[found] : default;

    /// <summary>Returns the value that a name stands for, or null.</summary>
    public static T? ValueOf<T>(HttpContext http, string name, IReadOnlyDictionary<string, T> values, RequestFindings findings)
        where T : struct => Find(http, name, values, findings) is { } found ? values[found] : null;

    /// <summary>Returns a whole number from 1 on; null if it is absent or out of bounds.</summary>
    public static long? Number(HttpContext http, string name, long max, RequestFindings findings)
    {
        var text = http.Request.Query[name];
        if (text.Count == 0)
        {
            return null;
        }

        if (long.TryParse(text.ToString(), NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value >= 1 && value <= max)
        {
            return value;
        }

        findings.Error(name, $"{name} is {JsonText.Cut(text.ToString())}; send a whole number from 1 to {max}.");
        return null;
    }

    private static string? Find<T>(HttpContext http, string name, IReadOnlyDictionary<string, T> values, RequestFindings findings)
    {
        var text = http.Request.Query[name].ToString();
        if (text.Length == 0 || values.ContainsKey(text))
        {
            return text.Length == 0 ? null : text;
        }

        findings.Error(name, $"{name} is {JsonText.Cut(text)}; send {string.Join(" or ", values.Keys)}.");
        return null;
    }
}
