using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace YueService.Api.Requests;

/// <summary>Reads text from JSON, which may contain escapes that are not valid Unicode, such as <c>"\ud800"</c>.</summary>
internal static class JsonText
{
    private const int ShownLength = 40;

    /// <summary>Gets the string of a JSON string element.</summary>
    /// <param name="element">A string element of a document in valid UTF-8.</param>
    /// <param name="text">The text.</param>
    /// <param name="unpairedEscape">If the result is false, the escape of the unpaired surrogate, such as <c>\ud800</c>.</param>
    public static bool TryGet(JsonElement element, out string text, out string unpairedEscape)
    {
        try
        {
            text = element.GetString()!;
            unpairedEscape = "";
            return true;
        }
        catch (InvalidOperationException)
        {
            text = "";
            unpairedEscape = FirstUnpairedEscape(element.GetRawText());
            return false;
        }
    }

    /// <summary>Returns a property's name. If it is not valid Unicode, the name is returned as it is written in the document.</summary>
    public static string NameOf(JsonProperty property)
    {
        try
        {
            return property.Name;
        }
        catch (InvalidOperationException)
        {
            return Encoding.UTF8.GetString(JsonMarshal.GetRawUtf8PropertyName(property));
        }
    }

    /// <summary>Gets the value of a property of an object, even if the names of other properties are not valid Unicode.</summary>
    /// <param name="element">An object; anything else has no properties.</param>
    /// <param name="name">The property's name. If it is repeated, the last value wins.</param>
    /// <param name="value">The value.</param>
    public static bool TryGetProperty(JsonElement element, string name, out JsonElement value)
    {
        value = default;
        if (element.ValueKind != JsonValueKind.Object)
        {
            return false;
        }

        // JsonElement.TryGetProperty throws on names such as "\ud800".
        foreach (var property in element.EnumerateObject())
        {
            value = NameOf(property) == name ? property.Value : value;
        }

        return value.ValueKind != JsonValueKind.Undefined;
    }

    /// <summary>Returns a value as it is written in the document, cut to a length that fits a message.</summary>
    public static string Show(JsonElement element)
    {
        // A base64 clip may be long, so only the part that is shown becomes a string. A character has at most four bytes.
        var raw = JsonMarshal.GetRawUtf8Value(element);
        return Cut(Encoding.UTF8.GetString(raw[..Math.Min(raw.Length, 4 * (ShownLength + 1))]));
    }

    /// <summary>Returns a value as <see cref="Show"/> does, preceded by its kind: <c>the text "42"</c>. For true, false and null, the kind
    /// is left out.</summary>
    public static string Describe(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.String => $"the text {Show(element)}",
        JsonValueKind.Number => $"the number {Show(element)}",
        JsonValueKind.Array => $"the array {Show(element)}",
        JsonValueKind.Object => $"the object {Show(element)}",
        _ => Show(element),
    };

    /// <summary>Returns true if an element is a string that would be a value of the given kind without its quotes.</summary>
    /// <param name="element">The element.</param>
    /// <param name="kind"><see cref="JsonValueKind.Number"/>, or <see cref="JsonValueKind.True"/> for true and false.</param>
    public static bool IsQuoted(JsonElement element, JsonValueKind kind) =>
        element.ValueKind == JsonValueKind.String && TryGet(element, out var text, out _)
        && (kind == JsonValueKind.Number
            ? double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number)
            : text is "true" or "false");

    /// <summary>Returns text cut to a length that fits a message, never within a surrogate pair.</summary>
    public static string Cut(string text, int maxLength = ShownLength)
    {
        if (text.Length <= maxLength)
        {
            return text;
        }

        var length = char.IsHighSurrogate(text[maxLength - 1]) ? maxLength - 1 : maxLength;
        return $"{text[..length]}…";
    }

    /// <summary>Counts the Unicode characters: a surrogate pair counts as one.</summary>
    public static int CountCharacters(string text)
    {
        var count = text.Length;
        foreach (var unit in text)
        {
            if (char.IsLowSurrogate(unit))
            {
                count--;
            }
        }

        return count;
    }

    private static string FirstUnpairedEscape(string raw)
    {
        for (var i = 0; i + 1 < raw.Length; i++)
        {
            if (raw[i] != '\\')
            {
                continue;
            }

            i++;
            if (EscapeAt(raw, i - 1) is not { } unit || !char.IsSurrogate(unit))
            {
                continue;
            }

            if (char.IsHighSurrogate(unit) && EscapeAt(raw, i + 5) is { } next && char.IsLowSurrogate(next))
            {
                i += 10;
                continue;
            }

            return raw.Substring(i - 1, 6);
        }

        return "";
    }

    /// <summary>Returns the code unit of the <c>\uXXXX</c> escape that starts at an index; null if none starts there.</summary>
    private static char? EscapeAt(string raw, int start) =>
        start + 6 <= raw.Length && raw[start] == '\\' && raw[start + 1] == 'u'
        && ushort.TryParse(raw.AsSpan(start + 2, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var unit)
            ? (char)unit
            : null;
}
