using Yue.Engine.Weights;
using Yue.Testing;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.Audio;

/// <summary>The named values of a golden safetensors file.</summary>
internal sealed class ExpectedValues(params string[] path) : IDisposable
{
    private readonly Checkpoint _file = SafetensorsFile.Open(Goldens.PathOf(path));

    public IEnumerable<string> Names => _file.Tensors.Keys;

    /// <summary>Returns the values as a tensor with the stored shape; the caller disposes it.</summary>
    public Tensor Tensor(string name, ScalarType dtype = ScalarType.Float32)
    {
        var source = new CheckpointTensors(_file, dtype);
        return source.Read(name, source.ShapeOf(name));
    }

    /// <summary>Returns the values as a flat array.</summary>
    public float[] Floats(string name)
    {
        using var tensor = Tensor(name);
        return tensor.data<float>().ToArray();
    }

    public void Dispose() => _file.Dispose();
}
