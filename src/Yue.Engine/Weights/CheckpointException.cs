namespace Yue.Engine.Weights;

/// <summary>A checkpoint, one of its files, or the setting that names it is missing, invalid or not supported.</summary>
/// <remarks>The message contains the file and, where they exist, the tensor or key and the actual and the expected value.</remarks>
public sealed class CheckpointException : Exception
{
    /// <summary>Creates an error about <paramref name="file"/>.</summary>
    public CheckpointException(string file, string problem, Exception? inner = null)
        : base($"{file}: {problem}", inner) => File = file;

    /// <summary>The file or folder that the error is about.</summary>
    public string File { get; }
}
