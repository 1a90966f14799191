using Yue.Engine.Residency;
using Yue.Engine.Weights;
using static TorchSharp.torch;

namespace Yue.Engine.Llama;

/// <summary>Loads Llama checkpoints to the device on which the models run.</summary>
internal static class LlamaLoader
{
    /// <summary>Loads a checkpoint. On a GPU its matrices have the type in the settings.</summary>
    /// <param name="config">The checkpoint's dimensions.</param>
    /// <param name="folder">The checkpoint's folder.</param>
    /// <param name="host">The device and memory to load it into.</param>
    /// <param name="report">Called with the fraction done.</param>
    public static LlamaModel Load(LlamaConfig config, string folder, ModelHost host, Action<double> report)
    {
        var dtype = host.Gpu?.Dtype ?? ScalarType.Float32;
        using var checkpoint = SafetensorsCheckpoint.Open(folder);
        var source = new CheckpointTensors(checkpoint, dtype, host.Device, host.Gpu?.Upload);
        return new LlamaModel(config, LlamaWeights.Load(config, source, host.Gpu?.Quantizer, report));
    }
}
