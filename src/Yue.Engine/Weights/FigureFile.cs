using System.Text.Json;

namespace Yue.Engine.Weights;

/// <summary>Reads JSON files with the figures that another implementation published for a model.</summary>
internal static class FigureFile
{
    private const int MaxBytes = 1 << 20;

    /// <summary>Returns the figures that are embedded in the program.</summary>
    public static T LoadEmbedded<T>(string name, JsonSerializerOptions json)
    {
        using var stream = typeof(FigureFile).Assembly.GetManifestResourceStream(name)!;
        return JsonSerializer.Deserialize<T>(stream, json)!;
    }

    /// <summary>Returns the figures of a file.</summary>
    /// <exception cref="CheckpointException">The file is invalid.</exception>
    public static T Load<T>(string file, JsonSerializerOptions json)
    {
        try
        {
            return JsonSerializer.Deserialize<T>(SmallFile.Read(file, MaxBytes), json)
                ?? throw new CheckpointException(file, "the figures are null");
        }
        catch (JsonException error)
        {
            throw new CheckpointException(file, $"is not a valid file of figures: {error.Message}", error);
        }
    }
}
