namespace Yue.Engine.Weights;

/// <summary>Reads a file that is expected to be small whole.</summary>
internal static class SmallFile
{
    /// <summary>The bytes; throws <see cref="CheckpointException"/> where the file is missing, empty or larger than the bound.</summary>
    public static byte[] Read(string path, int maxBytes)
    {
        using var file = CheckpointFile.Open(path);
        if (file.Length > maxBytes)
        {
            throw new CheckpointException(path, $"the file has {file.Length} bytes, expected at most {maxBytes}");
        }

        return file.Read(0, (int)file.Length);
    }
}
