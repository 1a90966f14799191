using Yue.Engine.Llama;
using Yue.Engine.Weights;
using static TorchSharp.torch;

namespace Yue.Testing;

/// <summary>The language models in the goldens folder, in float32 on the CPU.</summary>
public static class GoldenModels
{
    /// <summary>Loads the model in a folder of the goldens.</summary>
    public static LlamaModel Load(string name)
    {
        var folder = Goldens.PathOf(name);
        var config = LlamaConfig.Load(folder);
        using var checkpoint = SafetensorsCheckpoint.Open(folder);
        return new LlamaModel(config, LlamaWeights.Load(config, new CheckpointTensors(checkpoint, ScalarType.Float32)));
    }

    /// <summary>Returns a tensor in an <c>expected….safetensors</c> file as an array.</summary>
    public static T[] Expected<T>(string file, string tensor)
        where T : unmanaged
    {
        using var stored = SafetensorsFile.Open(file);
        var dtype = typeof(T) == typeof(float) ? ScalarType.Float32 : ScalarType.Int32;
        var source = new CheckpointTensors(stored, dtype);
        using var values = source.Read(tensor, source.ShapeOf(tensor));
        return values.data<T>().ToArray();
    }
}
