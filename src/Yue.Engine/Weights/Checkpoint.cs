namespace Yue.Engine.Weights;

/// <summary>The tensors of one checkpoint, by name, as descriptions of their data on disk.</summary>
/// <remarks>Opened by <see cref="SafetensorsCheckpoint"/> or <see cref="TorchCheckpoint"/>. Its files stay open until it is disposed.
/// Tensors that were read from it stay valid.</remarks>
public sealed class Checkpoint : IDisposable
{
    private readonly IDisposable[] _files;

    internal Checkpoint(string path, IReadOnlyDictionary<string, StoredTensor> tensors, params IDisposable[] files)
    {
        Path = path;
        Tensors = tensors;
        _files = files;
    }

    /// <summary>The metadata strings of a safetensors file, or those that all shards have in common.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; internal init; } = new Dictionary<string, string>();

    /// <summary>The file or folder that was opened.</summary>
    public string Path { get; }

    /// <summary>Every tensor by its name in the checkpoint.</summary>
    public IReadOnlyDictionary<string, StoredTensor> Tensors { get; }

    /// <summary>Closes the files.</summary>
    public void Dispose()
    {
        foreach (var file in _files)
        {
            file.Dispose();
        }
    }
}
