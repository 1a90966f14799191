using System.Text.Json;

namespace Yue.Engine.Tests.Yue2;

/// <summary>Reads the JSON files of the goldens.</summary>
internal static class Yue2Json
{
    public static JsonElement Read(string path)
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(path));
        return document.RootElement.Clone();
    }

    /// <summary>Returns a list of ids, or an empty one for null.</summary>
    public static int[] Ids(JsonElement element, string name) =>
        element.GetProperty(name) is { ValueKind: JsonValueKind.Array } ids ? [.. ids.EnumerateArray().Select(id => id.GetInt32())] : [];
}
