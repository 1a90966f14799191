using System.Text.Json;

namespace Yue.Engine.Weights;

/// <summary>The list of weight files, <c>weights_manifest.json</c>, which some checkpoints include (docs/model-yue2.md 1).</summary>
internal static class WeightsManifest
{
    /// <summary>The name of the list in a checkpoint folder.</summary>
    public const string FileName = "weights_manifest.json";

    private const int MaxBytes = 1 << 20;
    private const string Remedy = "Download it again (yue models pull)";

    /// <summary>Checks that a folder's weight files have the sizes that its list states. Hashes are not checked here, because reading
    /// all weights twice would double the startup time; downloads and <c>yue models verify</c> check them.</summary>
    /// <exception cref="CheckpointException">The list is invalid, or a file is missing or has another size, because it is incomplete or
    /// from another revision.</exception>
    public static void Check(string folder)
    {
        var list = Path.Combine(folder, FileName);
        if (!File.Exists(list))
        {
            return;
        }

        using var json = JsonText.ReadObject(list, MaxBytes, "the list");
        if (!json.RootElement.TryGetProperty("files", out var files) || files.ValueKind != JsonValueKind.Object)
        {
            throw new CheckpointException(list, "\"files\" is missing, expected an object with file names as keys");
        }

        foreach (var file in files.EnumerateObject())
        {
            var path = Path.Combine(folder, Path.GetFileName(file.Name));
            if (file.Value.ValueKind != JsonValueKind.Object
                || !file.Value.TryGetProperty("bytes", out var value)
                || value.ValueKind != JsonValueKind.Number
                || !value.TryGetInt64(out var bytes))
            {
                throw new CheckpointException(list, $"{file.Name}: \"bytes\" is missing or not a whole number");
            }

            if (!File.Exists(path))
            {
                throw new CheckpointException(path, $"the file does not exist, but {FileName} lists it. {Remedy}");
            }

            var found = LengthOf(path);
            if (found != bytes)
            {
                throw new CheckpointException(
                    path, $"the file has {found} bytes, but {FileName} says {bytes}: it is incomplete or from another revision. {Remedy}");
            }
        }
    }

    /// <summary>Returns the size of a file, or of the target of a link.</summary>
    private static long LengthOf(string path)
    {
        using var handle = File.OpenHandle(path);
        return RandomAccess.GetLength(handle);
    }
}
