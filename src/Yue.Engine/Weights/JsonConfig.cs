using System.Text.Json;

namespace Yue.Engine.Weights;

/// <summary>A model's config.json. Every value is checked, and errors contain the invalid value and the expected one.</summary>
/// <remarks>A key with dots selects a value in nested objects: <c>decoder_config.strides</c>.</remarks>
internal sealed class JsonConfig : IDisposable
{
    private const int MaxBytes = 1 << 20;

    private readonly string _path;
    private readonly JsonDocument _document;

    private JsonConfig(string path)
    {
        _path = path;
        _document = JsonText.ReadObject(path, MaxBytes, "the file");
    }

    /// <summary>Reads the file.</summary>
    public static JsonConfig Read(string path) => new(path);

    public void Dispose() => _document.Dispose();

    /// <summary>Returns a positive integer. If the key is absent or null, returns the fallback, or throws if there is none.</summary>
    public int Positive(string key, int? fallback = null)
    {
        if (Find(key) is not { } value)
        {
            return fallback ?? throw Missing(key, "a positive integer");
        }

        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) && number > 0
            ? number
            : throw Unsupported(key, "a positive integer");
    }

    /// <summary>Returns a positive finite number. If the key is absent or null, returns the fallback, or throws if there is none.</summary>
    public double PositiveNumber(string key, double? fallback = null)
    {
        if (Find(key) is not { } value)
        {
            return fallback ?? throw Missing(key, "a positive number");
        }

        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && double.IsFinite(number) && number > 0
            ? number
            : throw Unsupported(key, "a positive number");
    }

    /// <summary>Returns a list of 1 to 64 positive integers.</summary>
    public int[] PositiveList(string key)
    {
        if (Find(key) is not { ValueKind: JsonValueKind.Array } list || list.GetArrayLength() is 0 or > 64)
        {
            throw Unsupported(key, "a list of 1 to 64 positive integers");
        }

        return [.. list.EnumerateArray()
            .Select(item => item.ValueKind == JsonValueKind.Number && item.TryGetInt32(out var number) && number > 0
                ? number
                : throw Unsupported(key, "a list of positive integers"))];
    }

    /// <summary>Returns a boolean, or the fallback if the key is absent or null.</summary>
    public bool Boolean(string key, bool fallback) => Find(key) switch
    {
        null => fallback,
        { ValueKind: JsonValueKind.True } => true,
        { ValueKind: JsonValueKind.False } => false,
        _ => throw Unsupported(key, "true or false"),
    };

    /// <summary>Returns a string, or null if the key is absent or null.</summary>
    public string? Text(string key) => Find(key) is { } value ? JsonText.StringOf(value) ?? throw Unsupported(key, "a string") : null;

    /// <summary>Throws unless the value equals <paramref name="expected"/> or the key is absent.</summary>
    public void Expect(string key, bool expected)
    {
        if (Boolean(key, expected) != expected)
        {
            throw Unsupported(key, expected ? "true" : "false");
        }
    }

    /// <summary>Throws unless the text equals <paramref name="expected"/>. An absent key is an error.</summary>
    public void Expect(string key, string expected)
    {
        if (Text(key) != expected)
        {
            throw Unsupported(key, expected);
        }
    }

    /// <summary>Throws unless the number equals <paramref name="expected"/>. An absent key is an error.</summary>
    public void Expect(string key, int expected)
    {
        if (Positive(key) != expected)
        {
            throw Unsupported(key, $"{expected}");
        }
    }

    /// <summary>Throws unless the value is null, an empty list or an empty object, or the key is absent.</summary>
    public void ExpectNone(string key)
    {
        if (Find(key) is { } value
            && !(value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 0)
            && !(value.ValueKind == JsonValueKind.Object && value.GetPropertyCount() == 0))
        {
            throw Unsupported(key, "null");
        }
    }

    /// <summary>Creates an error about a key's value.</summary>
    public CheckpointException Unsupported(string key, string expected) =>
        Find(key) is { } value ? new(_path, $"{key} is {JsonText.Excerpt(value)}; supported: {expected}") : Missing(key, expected);

    private CheckpointException Missing(string key, string expected) => new(_path, $"{key} is missing, expected {expected}");

    private JsonElement? Find(string key)
    {
        var value = _document.RootElement;
        foreach (var name in key.Split('.'))
        {
            if (value.ValueKind != JsonValueKind.Object || !value.TryGetProperty(name, out value))
            {
                return null;
            }
        }

        return value.ValueKind != JsonValueKind.Null ? value : null;
    }
}
