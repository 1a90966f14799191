using System.Collections.Immutable;
using System.Text.Json;

namespace YueService.Api.Requests;

/// <summary>Reads the fields of one JSON object strictly, and reports all errors instead of stopping at the first.</summary>
/// <remarks>
/// A field that is absent or null has its default. Numbers must be JSON numbers, not strings; a whole number has no decimal point or
/// exponent. If a field is repeated, the last value wins. An invalid field is read as its default.
/// </remarks>
internal sealed class FieldReader
{
    private readonly Dictionary<string, JsonElement> _fields = new(StringComparer.Ordinal);
    private readonly HashSet<string> _read = new(StringComparer.Ordinal);
    private readonly string _prefix;
    private readonly RequestFindings _findings;

    /// <param name="element">An object; anything else is read as an empty one.</param>
    /// <param name="prefix">The path of the object with a final dot, such as <c>sampling.</c>; empty for the body.</param>
    /// <param name="findings">Receives the errors.</param>
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

    /// <summary>Returns the reader of a nested object, or of an empty one if the field is absent, null or not an object.</summary>
    public FieldReader Object(RequestField field)
    {
        var present = TryTake(field, out var element);
        if (present && element.ValueKind != JsonValueKind.Object)
        {
            Fault(field.Name, element, field.Kind, field.Expected, "the defaults of its fields");
        }

        return new(element, $"{_prefix}{field.Name}.", _findings);
    }

    /// <summary>Returns the readers of an array's objects, skipping items that are not objects; empty if the array is missing or
    /// invalid.</summary>
    public IReadOnlyList<FieldReader> Objects(ArrayField field)
    {
        var items = Items(field, field.MinItems, field.MaxItems, field.Expected);
        for (var i = 0; i < items.Count; i++)
        {
            if (items[i].ValueKind != JsonValueKind.Object)
            {
                Fault($"{field.Name}[{i}]", items[i], JsonValueKind.Object, "an object", null);
            }
        }

        return
        [
            .. items.Index().Where(item => item.Item.ValueKind == JsonValueKind.Object)
                .Select(item => new FieldReader(item.Item, $"{_prefix}{field.Name}[{item.Index}].", _findings)),
        ];
    }

    /// <summary>Returns an array's whole numbers; empty if the array is missing or invalid. Every invalid number is reported.</summary>
    public ImmutableArray<int> Integers(ArrayField field)
    {
        var items = Items(field, field.MinItems, field.MaxItems, field.Expected);
        return Values(field, items, field.Item!, item => WholeNumber(item, field.Item!)) is { } numbers
            ? [.. numbers.Select(number => (int)number)]
            : [];
    }

    /// <summary>Returns a number, or the numbers of an array; null if absent or invalid.</summary>
    public IReadOnlyList<double>? Numbers(NumbersField field)
    {
        switch (KindOf(field))
        {
            case JsonValueKind.Undefined:
                return null;
            case not JsonValueKind.Array:
                return Value(field, element => RealNumber(element, field.Item)) is { } single ? [single] : null;
        }

        var items = Items(field, 1, field.MaxItems, field.ExpectedArray);
        return Values(field, items, field.Item, item => RealNumber(item, field.Item)) is { Count: > 0 } numbers ? numbers : null;
    }

    /// <summary>Returns the JSON kind of a field; <see cref="JsonValueKind.Undefined"/> if it is absent or null.</summary>
    public JsonValueKind KindOf(RequestField field) => TryTake(field, out var element) ? element.ValueKind : JsonValueKind.Undefined;

    /// <summary>Returns text within its bounds, without NUL; null if absent or invalid.</summary>
    public string? Text(TextField field)
    {
        if (!TryTake(field, out var element))
        {
            return null;
        }

        if (element.ValueKind != JsonValueKind.String)
        {
            Fault(field, element);
            return null;
        }

        if (!JsonText.TryGet(element, out var text, out var unpairedEscape))
        {
            Fault(
                field.Name,
                $"contains {unpairedEscape}, half of a surrogate pair, which is not a character",
                $"{field.Expected} in Unicode",
                field.DefaultText);
            return null;
        }

        var length = JsonText.CountCharacters(text);
        if (length < field.MinLength || length > field.MaxLength)
        {
            Fault(field.Name, $"has {length} characters", field.Expected, field.DefaultText);
            return null;
        }

        if (text.IndexOf('\0', StringComparison.Ordinal) is >= 0 and var position)
        {
            Fault(field.Name, $"has a NUL character (\\u0000) at position {position}", $"{field.Expected} without NUL", field.DefaultText);
            return null;
        }

        return text;
    }

    /// <summary>Returns whether the field is present, and its text if it is a valid string.</summary>
    public (bool Present, string? Text) AnyText(RequestField field) =>
        !TryTake(field, out var element)
            ? (false, null)
            : (true, element.ValueKind == JsonValueKind.String && JsonText.TryGet(element, out var text, out _) ? text : null);

    /// <summary>Returns base64 data as a function that decodes it on each call; null if absent or invalid.</summary>
    public Func<byte[]>? Base64(FileField field)
    {
        if (!TryTake(field, out var element))
        {
            return null;
        }

        if (element.ValueKind != JsonValueKind.String)
        {
            Fault(field, element);
            return null;
        }

        if (Base64Text.FaultOf(element) is { } fault)
        {
            Fault(field.Name, fault, field.Expected, null);
            return null;
        }

        return () => Base64Text.Decode(element);
    }

    public int Int(WholeField field) => (int)Long(field);

    /// <summary>Returns a whole number; null if absent or invalid.</summary>
    public int? OptionalInt(WholeField field) => (int?)Value(field, element => WholeNumber(element, field));

    /// <summary>Returns the whole number in a field that has a default.</summary>
    public long Long(WholeField field) => Value(field, element => WholeNumber(element, field)) ?? field.Default!.Value;

    /// <summary>Returns the number in a field that has a default.</summary>
    public double Number(NumberField field) => OptionalNumber(field) ?? field.Default!.Value;

    /// <summary>Returns a number; null if absent or invalid.</summary>
    public double? OptionalNumber(NumberField field) => Value(field, element => RealNumber(element, field));

    public bool Flag(FlagField field) => Value<bool>(
        field,
        element => element.ValueKind switch { JsonValueKind.True => true, JsonValueKind.False => false, _ => null }) ?? field.Default;

    /// <summary>Returns one of a few whole numbers.</summary>
    public int Choice(NumberChoiceField field) => Value(
        field,
        element => element.ValueKind == JsonValueKind.Number && element.TryGetInt32(out var value) && field.Values.Contains(value)
            ? value
            : (int?)null) ?? field.Default;

    /// <summary>Returns the value that a name stands for; null if absent or invalid.</summary>
    public T? Choice<T>(ChoiceField<T> field)
        where T : struct =>
        Name(field) is { } name ? field.Choices.First(choice => choice.Name == name).Value : null;

    /// <summary>Returns one of a few names; null if absent or invalid.</summary>
    public string? Name(NamesField field)
    {
        if (!TryTake(field, out var element))
        {
            return null;
        }

        if (element.ValueKind == JsonValueKind.String && JsonText.TryGet(element, out var text, out _) && field.Names.Contains(text))
        {
            return text;
        }

        Fault(field, element);
        return null;
    }

    /// <summary>Reports an error in a field whose value is valid on its own.</summary>
    /// <param name="field">The field.</param>
    /// <param name="fault">The rest of the sentence after the field's name: what is wrong, the bound and the fix.</param>
    public void Error(RequestField field, string fault) => _findings.Error(_prefix + field.Name, $"{_prefix}{field.Name} {fault}");

    /// <summary>Reports that a field has the wrong JSON kind.</summary>
    public void Mismatch(RequestField field) => Fault(field, _fields[field.Name]);

    /// <summary>Reports a field whose value is missing or unusable: what is wrong, and what to send instead.</summary>
    public void Require(RequestField field, string fault, string expected) => Fault(field.Name, fault, expected, null);

    /// <summary>Returns true if the field is absent or null.</summary>
    public bool IsMissing(RequestField field) => !TryTake(field, out _);

    /// <summary>Consumes a field that has no meaning here, and returns true if it is present.</summary>
    public bool Ignore(string name) => TryTake(name, out _);

    /// <summary>Reports the fields that this reader has not read. Call it after the last field has been read.</summary>
    public void Finish()
    {
        foreach (var name in _fields.Keys.Where(name => !_read.Contains(name)))
        {
            _findings.Unknown(_prefix + name);
        }
    }

    /// <summary>Returns the items of an array. If the array is missing or invalid, reports this and returns no items.</summary>
    private List<JsonElement> Items(RequestField field, int minCount, int maxCount, string expected)
    {
        if (!TryTake(field, out var element))
        {
            Fault(field.Name, "is missing", expected, null);
            return [];
        }

        if (element.ValueKind != JsonValueKind.Array)
        {
            Fault(field.Name, element, JsonValueKind.Array, expected, null);
            return [];
        }

        var count = element.GetArrayLength();
        if (count < minCount || count > maxCount)
        {
            Fault(field.Name, $"has {count} items", expected, null);
            return [];
        }

        return [.. element.EnumerateArray()];
    }

    /// <summary>Returns the values of an array's items; null if any is invalid. Every invalid item is reported.</summary>
    /// <param name="field">The array.</param>
    /// <param name="items">Its items.</param>
    /// <param name="item">The field that describes an item.</param>
    /// <param name="read">Returns the value of an item; null if it is invalid.</param>
    private List<T>? Values<T>(RequestField field, List<JsonElement> items, RequestField item, Func<JsonElement, T?> read)
        where T : struct
    {
        var values = new List<T>(items.Count);
        for (var i = 0; i < items.Count; i++)
        {
            if (read(items[i]) is { } value)
            {
                values.Add(value);
            }
            else
            {
                Fault($"{field.Name}[{i}]", items[i], item.Kind, item.Expected, null);
            }
        }

        return values.Count == items.Count ? values : null;
    }

    /// <summary>Returns the value of a field; null if absent or invalid.</summary>
    /// <param name="field">The field.</param>
    /// <param name="read">Returns the value of an element; null if it is invalid.</param>
    private T? Value<T>(RequestField field, Func<JsonElement, T?> read)
        where T : struct
    {
        if (!TryTake(field, out var element))
        {
            return null;
        }

        var value = read(element);
        if (value is null)
        {
            Fault(field, element);
        }

        return value;
    }

    private bool TryTake(RequestField field, out JsonElement element)
    {
        if (!TryTake(field.Name, out element))
        {
            return false;
        }

        if (_prefix + field.Name == field.Path)
        {
            _findings.Sent(field, element);
        }

        return true;
    }

    private bool TryTake(string name, out JsonElement element)
    {
        if (_read.Add(name))
        {
            _findings.Known(_prefix + name);
        }

        return _fields.TryGetValue(name, out element) && element.ValueKind != JsonValueKind.Null;
    }

    private void Fault(RequestField field, JsonElement element) =>
        Fault(field.Name, element, field.Kind, field.Expected, field.DefaultText);

    /// <summary>Reports an invalid value: what was sent, with the name of its kind if it is not the expected one.</summary>
    private void Fault(string name, JsonElement element, JsonValueKind kind, string expected, string? defaultText)
    {
        var sent = element.ValueKind == kind ? JsonText.Show(element) : JsonText.Describe(element);
        var quotes = kind is JsonValueKind.Number or JsonValueKind.True && JsonText.IsQuoted(element, kind) ? ", without quotes" : "";
        Fault(name, $"is {sent}", expected + quotes, defaultText);
    }

    private void Fault(string name, string fault, string expected, string? defaultText)
    {
        var otherwise = defaultText is null ? "" : $", or leave it out (default: {defaultText})";
        _findings.Error(_prefix + name, $"{_prefix}{name} {fault}; send {expected}{otherwise}.");
    }

    private static long? WholeNumber(JsonElement element, WholeField field) =>
        element.ValueKind == JsonValueKind.Number && element.TryGetInt64(out var value) && value >= field.Min && value <= field.Max
            ? value
            : null;

    private static double? RealNumber(JsonElement element, NumberField field) =>
        element.ValueKind == JsonValueKind.Number && element.TryGetDouble(out var value) && value >= field.Min && value <= field.Max
            ? value
            : null;
}
