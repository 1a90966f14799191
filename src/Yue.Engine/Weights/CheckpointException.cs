namespace Yue.Engine.Weights;

/// <summary>A checkpoint file is missing, truncated, mislabelled or of an unsupported kind.</summary>
/// <remarks>The message names the file, the tensor or key, what was found and what was expected.</remarks>
public sealed class CheckpointException : Exception
{
    /// <summary>An error about <paramref name="file"/>.</summary>
    public CheckpointException(string file, string problem, Exception? inner = null)
        : base($"{file}: {problem}", inner) => File = file;

    /// <summary>The file that is wrong.</summary>
    public string File { get; }
}
