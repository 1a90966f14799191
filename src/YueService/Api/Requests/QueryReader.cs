using System.Globalization;

namespace YueService.Api.Requests;

/// <summary>Reads the parameters of a query strictly, and reports all errors. An absent or empty parameter has its default.</summary>
internal sealed class QueryReader(HttpContext http, RequestFindings findings)
{
    private const int MaxLength = 200;

    private readonly List<string> _read = [];

    /// <summary>Returns text; null if it is absent or invalid.</summary>
    public string? Text(string name)
    {
        var text = Take(name);
        if (JsonText.CountCharacters(text) <= MaxLength)
        {
            return text.Length == 0 ? null : text;
        }

        findings.Error(name, $"{name} has {JsonText.CountCharacters(text)} characters; send up to {MaxLength}.");
        return null;
    }

    /// <summary>Returns the value that the parameter names; the default of the type if the parameter is absent or invalid.</summary>
    public T? OneOf<T>(string name, IReadOnlyDictionary<string, T> values) => Find(name, values) is { } found ? values[found] : default;

    /// <summary>Returns the value that the parameter names; null if the parameter is absent or invalid.</summary>
    public T? ValueOf<T>(string name, IReadOnlyDictionary<string, T> values)
        where T : struct => Find(name, values) is { } found ? values[found] : null;

    /// <summary>Returns a positive whole number; null if it is absent or invalid.</summary>
    public long? Number(string name, long max)
    {
        var text = Take(name);
        if (text.Length == 0)
        {
            return null;
        }

        if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value >= 1 && value <= max)
        {
            return value;
        }

        findings.Error(name, $"{name} is {JsonText.Cut(text)}; send a whole number from 1 to {max}.");
        return null;
    }

    /// <summary>Reports the parameters that were not read. Call it after the last one has been read.</summary>
    public void Finish() => NoteUnknown(http, _read, findings);

    /// <summary>Reports the unknown parameters of a query.</summary>
    public static void NoteUnknown(HttpContext http, IReadOnlyCollection<string> known, RequestFindings findings)
    {
        foreach (var name in http.Request.Query.Keys.Where(name => !known.Contains(name, StringComparer.OrdinalIgnoreCase)))
        {
            var shown = JsonText.Cut(name);
            findings.Error(
                shown,
                known.Count == 0
                    ? $"{shown} is not known: this endpoint has no query parameters. Leave it out."
                    : $"{shown} is not a known query parameter; the known ones are {string.Join(", ", known)}. "
                        + "Correct it or leave it out.");
        }
    }

    private string? Find<T>(string name, IReadOnlyDictionary<string, T> values)
    {
        var text = Take(name);
        if (text.Length == 0 || values.ContainsKey(text))
        {
            return text.Length == 0 ? null : text;
        }

        findings.Error(name, $"{name} is {JsonText.Cut(text)}; send {RequestField.OneOf(values.Keys)}.");
        return null;
    }

    /// <summary>Returns a parameter's text; empty if it is absent or was sent several times. Reports the latter.</summary>
    private string Take(string name)
    {
        _read.Add(name);
        var values = http.Request.Query[name];
        if (values.Count > 1)
        {
            findings.Error(name, $"{name} was sent {values.Count} times; send it once.");
            return "";
        }

        return values.ToString();
    }
}
