using System.Text.Json;
using System.Text.Unicode;

namespace Yue.Engine.Weights;

/// <summary>Parses JSON that a checkpoint brings: objects only, no name twice, bounded size and depth.</summary>
internal static class JsonText
{
    private const int MaxDepth = 32;

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = MaxDepth };

    /// <summary>The document, whose root is an object; the caller disposes it.</summary>
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

    /// <summary>As <see cref="ParseObject"/>, of a whole file of at most <paramref name="maxBytes"/>.</summary>
    public static JsonDocument ReadObject(string path, int maxBytes, string what) =>
        ParseObject(path, SmallFile.Read(path, maxBytes), what);

    /// <summary>A property's name; throws where its escapes are no valid text.</summary>
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

    /// <summary>The string's text, or null where the element is no string or no valid text.</summary>
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

    /// <summary>The element as JSON, shortened for a message.</summary>
    public static string Excerpt(JsonElement element)
    {
        var text = element.GetRawText();
        return text.Length <= 60 ? text : string.Concat(text.AsSpan(0, 60), "...");
    }
}
