using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;

namespace YueService.Api.Requests;

/// <summary>Reads the fields of one JSON object strictly, and notes every fault instead of stopping at the first.</summary>
/// <remarks>
/// A field that is absent or null has its default. Numbers are numbers, not strings of digits; a whole number is written
/// without a point or exponent. Of a repeated field the last one counts. A field that is at fault reads as its default.
/// </remarks>
internal sealed class FieldReader
{
    private readonly Dictionary<string, JsonElement> _fields = new(StringComparer.Ordinal);
    private readonly HashSet<string> _asked = new(StringComparer.Ordinal);
    private readonly string _prefix;
    private readonly RequestFindings _findings;

    /// <param name="element">An object; anything else reads as an empty one.</param>
    /// <param name="prefix">Where the object is: empty, or <c>sampling.</c>.</param>
    /// <param name="findings">Told of every fault.</param>
    public FieldReader(JsonElement element, string prefix, RequestFindings findings)
    {
        _prefix = prefix;
        _findings = findings;
        if (element.ValueKind != JsonValueKind.Object)
        {
            return;
        }

        foreach (var property in element.EnumerateObject())
        {
            _fields[JsonText.NameOf(property)] = property.Value;
        }
    }

    /// <summary>The reader of a nested object; of an empty one where it is absent, null or no object.</summary>
    public FieldReader Object(string name)
    {
        var present = TryTake(name, out var element);
        if (present && element.ValueKind != JsonValueKind.Object)
        {
            Fault(name, element, "an object", "its defaults");
        }

        return new(element, $"{_prefix}{name}.", _findings);
    }

    /// <summary>The readers of an array of <paramref name="minCount"/> to <paramref name="maxCount"/> objects, without those items
    /// that are none; empty when the array is at fault.</summary>
    public IReadOnlyList<FieldReader> Objects(string name, int minCount, int maxCount)
    {
        var items = Items(name, minCount, maxCount, "objects");
        for (var i = 0; i < items.Count; i++)
        {
            if (items[i].ValueKind != JsonValueKind.Object)
            {
                Fault($"{name}[{i}]", items[i], "an object", null);
            }
        }

        return
        [
            .. items.Index().Where(item => item.Item.ValueKind == JsonValueKind.Object)
                .Select(item => new FieldReader(item.Item, $"{_prefix}{name}[{item.Index}].", _findings)),
        ];
    }

    /// <summary>An array of <paramref name="minCount"/> to <paramref name="maxCount"/> whole numbers; empty when at fault, of
    /// which the first is told.</summary>
    public ImmutableArray<int> Integers(string name, int minCount, int maxCount, int min, int max)
    {
        var items = Items(name, minCount, maxCount, "whole numbers");
        var numbers = ImmutableArray.CreateBuilder<int>(items.Count);
        foreach (var item in items)
        {
            if (WholeNumber(item, min, max) is not { } value)
            {
                Fault($"{name}[{numbers.Count}]", item, WholeNumbers(min, max), null);
                return [];
            }

            numbers.Add((int)value);
        }

        return numbers.MoveToImmutable();
    }

    /// <summary>A number, or an array of up to <paramref name="maxCount"/> of them; null when absent or at fault.</summary>
    public IReadOnlyList<double>? Doubles(string name, int maxCount, double min, double max, string defaultText)
    {
        switch (KindOf(name))
        {
            case JsonValueKind.Undefined:
                return null;
            case not JsonValueKind.Array:
                return Double(name, min, max, defaultText) is { } single ? [single] : null;
        }

        var numbers = new List<double>();
        foreach (var item in Items(name, 1, maxCount, "numbers"))
        {
            if (RealNumber(item, min, max) is not { } value)
            {
                Fault($"{name}[{numbers.Count}]", item, RealNumbers(min, max), null);
                return null;
            }

            numbers.Add(value);
        }

        return numbers.Count == 0 ? null : numbers;
    }

    /// <summary>What the field is; <see cref="JsonValueKind.Undefined"/> when absent or null.</summary>
    public JsonValueKind KindOf(string name) => TryTake(name, out var element) ? element.ValueKind : JsonValueKind.Undefined;

    /// <summary>A string of <paramref name="minLength"/> to <paramref name="maxLength"/> Unicode characters, without NUL.</summary>
    /// <returns>Null when absent or at fault.</returns>
    public string? Text(string name, int minLength, int maxLength, string? defaultText)
    {
        var bound = $"text of {minLength} to {maxLength} characters";
        if (!TryTake(name, out var element))
        {
            return null;
        }

        if (element.ValueKind != JsonValueKind.String)
        {
            Fault(name, element, bound, defaultText);
            return null;
        }

        if (!JsonText.TryGet(element, out var text, out var unpairedEscape))
        {
            Fault(name, $"holds {unpairedEscape}, half of a surrogate pair, which is no character", bound + " in Unicode", defaultText);
            return null;
        }

        var length = JsonText.CountCharacters(text);
        if (length < minLength || length > maxLength)
        {
            Fault(name, $"has {length} characters", bound, defaultText);
            return null;
        }

        if (text.IndexOf('\0', StringComparison.Ordinal) is >= 0 and var position)
        {
            Fault(name, $"has a NUL character (\\u0000) at position {position}", bound + " without NUL", defaultText);
            return null;
        }

        return text;
    }

    /// <summary>Any string, or null when the field is absent or something else.</summary>
    public (bool Present, string? Text) AnyText(string name) =>
        !TryTake(name, out var element)
            ? (false, null)
            : (true, element.ValueKind == JsonValueKind.String && JsonText.TryGet(element, out var text, out _) ? text : null);

    /// <summary>Bytes in base64, decoded at each call; null when absent or invalid.</summary>
    public Func<byte[]>? Base64(string name, string expected)
    {
        if (!TryTake(name, out var element))
        {
            return null;
        }

        if (element.ValueKind != JsonValueKind.String)
        {
            Fault(name, element, expected, null);
            return null;
        }

        if (Base64Text.FaultOf(element) is { } fault)
        {
            Fault(name, fault, expected, null);
            return null;
        }

        return () => Base64Text.Decode(element);
    }

    public int Int(string name, int min, int max, int defaultValue) => (int)Long(name, min, max, defaultValue);

    /// <returns>Null when absent or at fault.</returns>
    public int? OptionalInt(string name, int min, int max, string defaultText) =>
        (int?)Value(name, element => WholeNumber(element, min, max), WholeNumbers(min, max), defaultText);

    public long Long(string name, long min, long max, long defaultValue) =>
        Value(name, element => WholeNumber(element, min, max), WholeNumbers(min, max), Number(defaultValue)) ?? defaultValue;

    /// <returns>Null when absent or at fault.</returns>
    public double? Double(string name, double min, double max, string defaultText) =>
        Value(name, element => RealNumber(element, min, max), RealNumbers(min, max), defaultText);

    public bool Flag(string name, bool defaultValue) => Value(
        name,
        element => element.ValueKind switch { JsonValueKind.True => true, JsonValueKind.False => false, _ => (bool?)null },
        "true or false",
        defaultValue ? "true" : "false") ?? defaultValue;

    /// <summary>One of a few whole numbers.</summary>
    public int OneOf(string name, IReadOnlyCollection<int> allowed, int defaultValue) => Value(
        name,
        element => element.ValueKind == JsonValueKind.Number && element.TryGetInt32(out var value) && allowed.Contains(value) ? value : (int?)null,
        string.Join(" or ", allowed),
        Number(defaultValue)) ?? defaultValue;

    /// <summary>One of a few names; null when absent or at fault.</summary>
    public string? OneOf(string name, IReadOnlyCollection<string> allowed, string defaultText)
    {
        if (!TryTake(name, out var element))
        {
            return null;
        }

        if (element.ValueKind == JsonValueKind.String && JsonText.TryGet(element, out var text, out _) && allowed.Contains(text))
        {
            return text;
        }

        Fault(name, element, string.Join(" or ", allowed.Select(value => $"\"{value}\"")), defaultText);
        return null;
    }

    /// <summary>Notes what is wrong with a field that is right by itself.</summary>
    /// <param name="name">The field.</param>
    /// <param name="fault">Goes on after the field's name: what is wrong, the bound and the way out.</param>
    public void Error(string name, string fault) => _findings.Error(_prefix + name, $"{_prefix}{name} {fault}");

    /// <summary>Notes that a field is of a kind that it cannot be.</summary>
    public void Mismatch(string name, string expected, string defaultText) => Fault(name, _fields[name], expected, defaultText);

    /// <summary>Notes that a required field is missing or says nothing.</summary>
    public void Require(string name, string fault, string expected) => Fault(name, fault, expected, null);

    /// <summary>Whether the field is absent or null.</summary>
    public bool IsMissing(string name) => !TryTake(name, out _);

    /// <summary>Notes the fields that were not asked for; called after the last one was.</summary>
    public void Finish()
    {
        foreach (var name in _fields.Keys.Where(name => !_asked.Contains(name)))
        {
            _findings.Unknown(_prefix + name);
        }
    }

    /// <summary>The items of an array; none when it is at fault.</summary>
    private List<JsonElement> Items(string name, int minCount, int maxCount, string what)
    {
        var expected = $"an array of {minCount} to {maxCount} {what}";
        if (!TryTake(name, out var element))
        {
            Fault(name, "is missing", expected, null);
            return [];
        }

        if (element.ValueKind != JsonValueKind.Array)
        {
            Fault(name, element, expected, null);
            return [];
        }

        var count = element.GetArrayLength();
        if (count < minCount || count > maxCount)
        {
            Fault(name, $"has {count} items", expected, null);
            return [];
        }

        return [.. element.EnumerateArray()];
    }

    /// <summary>What a field says; null when absent or at fault.</summary>
    /// <param name="name">The field.</param>
    /// <param name="read">The value of an element; null where it is none.</param>
    /// <param name="expected">What can be sent.</param>
    /// <param name="defaultText">What an absent field stands for.</param>
    private T? Value<T>(string name, Func<JsonElement, T?> read, string expected, string? defaultText)
        where T : struct
    {
        if (!TryTake(name, out var element))
        {
            return null;
        }

        var value = read(element);
        if (value is null)
        {
            Fault(name, element, expected, defaultText);
        }

        return value;
    }

    private bool TryTake(string name, out JsonElement element)
    {
        if (_asked.Add(name))
        {
            _findings.Known(_prefix + name);
        }

        return _fields.TryGetValue(name, out element) && element.ValueKind != JsonValueKind.Null;
    }

    private void Fault(string name, JsonElement element, string expected, string? defaultText)
    {
        var kind = element.ValueKind switch
        {
            JsonValueKind.String => " (a string)",
            JsonValueKind.Object => " (an object)",
            JsonValueKind.Array => " (an array)",
            _ => "",
        };
        Fault(name, $"is {JsonText.Show(element)}{kind}", expected, defaultText);
    }

    private void Fault(string name, string fault, string expected, string? defaultText)
    {
        var otherwise = defaultText is null ? "" : $", or leave it out for {defaultText}";
        _findings.Error(_prefix + name, $"{_prefix}{name} {fault}; send {expected}{otherwise}.");
    }

    private static long? WholeNumber(JsonElement element, long min, long max) =>
        element.ValueKind == JsonValueKind.Number && element.TryGetInt64(out var value) && value >= min && value <= max ? value : null;

    private static double? RealNumber(JsonElement element, double min, double max) =>
        element.ValueKind == JsonValueKind.Number && element.TryGetDouble(out var value) && value >= min && value <= max ? value : null;

    private static string WholeNumbers(long min, long max) => $"a whole number from {Number(min)} to {Number(max)}";

    private static string RealNumbers(double min, double max) => $"a number from {Number(min)} to {Number(max)}";

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Number(double value) => value.ToString(CultureInfo.InvariantCulture);
}
