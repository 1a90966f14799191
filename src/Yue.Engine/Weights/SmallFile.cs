namespace Yue.Engine.Weights;

/// <summary>Reads a whole file that is expected to be small.</summary>
internal static class SmallFile
{
    /// <summary>Returns the bytes. Throws <see cref="CheckpointException"/> if the file is missing, empty or larger than the
    /// limit.</summary>
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
