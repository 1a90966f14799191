using System.Text.Json;
using System.Text.Unicode;

namespace Yue.Engine.Weights;

/// <summary>Parses the JSON files of a checkpoint. The root must be an object, names must be unique, and size and depth are
/// bounded.</summary>
internal static class JsonText
{
    private const int MaxDepth = 32;

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = MaxDepth };

    /// <summary>Parses a document with an object as its root. The caller disposes it.</summary>
    public static JsonDocument ParseObject(string file, ReadOnlyMemory<byte> utf8, string what)
    {
        if (!Utf8.IsValid(utf8.Span))
        {
            throw new CheckpointException(file, $"{what} is not valid UTF-8");
        }

        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(utf8, Strict);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            throw new CheckpointException(file, $"{what} is not valid JSON: {error.Message}", error);
        }

        if (document.RootElement.ValueKind == JsonValueKind.Object)
        {
            return document;
        }

        var found = document.RootElement.ValueKind;
        document.Dispose();
        throw new CheckpointException(file, $"{what} is a JSON {found}, expected an object");
    }

    /// <summary>Parses a whole file of at most <paramref name="maxBytes"/> bytes, as <see cref="ParseObject"/> does.</summary>
    public static JsonDocument ReadObject(string path, int maxBytes, string what) =>
        ParseObject(path, SmallFile.Read(path, maxBytes), what);

    /// <summary>Returns a property's name. Throws if its escapes are not valid text.</summary>
    public static string NameOf(string file, JsonProperty property)
    {
        try
        {
            return property.Name;
        }
        catch (InvalidOperationException error)
        {
            throw new CheckpointException(file, "a JSON name is not valid Unicode text", error);
        }
    }

    /// <summary>Returns the text of a string, or null if the element is not a string or not valid text.</summary>
    public static string? StringOf(JsonElement element)
    {
        try
        {
            return element.ValueKind == JsonValueKind.String ? element.GetString() : null;
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>Returns the element as JSON, shortened for a message.</summary>
    public static string Excerpt(JsonElement element)
    {
        var text = element.GetRawText();
        return text.Length <= 60 ? text : string.Concat(text.AsSpan(0, 60), "...");
    }
}
