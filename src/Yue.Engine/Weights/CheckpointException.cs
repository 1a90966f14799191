namespace Yue.Engine.Weights;

/// <summary>A checkpoint file is missing, truncated, mislabeled or of an unsupported kind.</summary>
/// <remarks>The message contains the file, the tensor or key, and the actual and the expected value.</remarks>
public sealed class CheckpointException : Exception
{
    /// <summary>Creates an error about <paramref name="file"/>.</summary>
    public CheckpointException(string file, string problem, Exception? inner = null)
        : base($"{file}: {problem}", inner) => File = file;

    /// <summary>The invalid file.</summary>
    public string File { get; }
}
