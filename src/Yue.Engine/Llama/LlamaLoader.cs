using Yue.Cuda.Decode;
using Yue.Engine.Residency;
using Yue.Engine.Weights;
using static TorchSharp.torch;

namespace Yue.Engine.Llama;

/// <summary>Loads Llama checkpoints onto the device on which the models run.</summary>
internal static class LlamaLoader
{
    /// <summary>Loads a checkpoint. On a GPU, its matrices get the type that <see cref="LlamaConfig.TypeOnGpu"/> returns.</summary>
    /// <param name="config">The checkpoint's dimensions.</param>
    /// <param name="folder">The checkpoint's folder.</param>
    /// <param name="host">The device and memory to load it into.</param>
    /// <param name="report">Called with the fraction done.</param>
    /// <param name="adapter">The folder of a LoRA adapter to merge into the checkpoint; null for none.</param>
    /// <param name="scoredIds">The ids for which steps on a GPU compute scores; null means all.</param>
    public static LlamaModel Load(
        LlamaConfig config, string folder, ModelHost host, Action<double> report, string? adapter = null, IdRange? scoredIds = null)
    {
        var parts = host.Gpu is null ? DeviceParts.All : new DeviceParts
        {
            ScoredIds = scoredIds,
            HasEmbedding = host.Plan.Host == HostShare.Nothing,
        };
        return Load(config, folder, host.Device, host.Gpu, parts, report, adapter);
    }

    /// <summary>Loads parts of a checkpoint without a memory plan.</summary>
    /// <param name="config">The checkpoint's dimensions.</param>
    /// <param name="folder">The checkpoint's folder.</param>
    /// <param name="device">The device.</param>
    /// <param name="gpu">The GPU, if the device is one.</param>
    /// <param name="parts">The parts that are needed.</param>
    /// <param name="report">Called with the fraction done.</param>
    /// <param name="adapter">The folder of a LoRA adapter to merge into the checkpoint; null for none.</param>
    public static LlamaModel Load(
        LlamaConfig config, string folder, Device device, Gpu? gpu, DeviceParts parts, Action<double> report, string? adapter = null)
    {
        using var checkpoint = SafetensorsCheckpoint.Open(folder);
        var source = new CheckpointTensors(checkpoint, gpu?.Dtype ?? ScalarType.Float32, device, gpu?.Upload);
        CheckType(config, source, folder);
        var quantizer = gpu?.QuantizerOf(config.TypeOnGpu(gpu.Weights));
        var weights = adapter is null
            ? LlamaWeights.Load(config, source, quantizer, parts, report)
            : LoadAdapted(config, source, adapter, quantizer, parts, report);
        gpu?.ReleaseUnused();       // memory that matrices were read into before they were converted
        return new LlamaModel(config, weights);
    }

    /// <summary>Throws unless config.json and the files state the same type of matrices.</summary>
    private static void CheckType(LlamaConfig config, CheckpointTensors source, string folder)
    {
        if (source.Quantization?.Type != config.QuantizedType)
        {
            throw new CheckpointException(
                folder,
                $"config.json says that the matrices are {config.QuantizedType?.ToString() ?? "not quantized"}, but the .safetensors files "
                    + (source.Quantization is { } found ? $"say that they are {found.Type}; " : "have no common record of quantization; ")
                    + "these files belong to different checkpoints");
        }
    }

    private static LlamaWeights LoadAdapted(
        LlamaConfig config,
        CheckpointTensors source,
        string folder,
        MatrixQuantizer? quantizer,
        DeviceParts parts,
        Action<double> report)
    {
        using var adapter = LoraAdapter.Open(folder, source);
        var adapted = new LoraTensors(source, adapter);
        var weights = LlamaWeights.Load(config, adapted, quantizer, parts, report);
        if (adapted.Unread.FirstOrDefault() is { } unread)
        {
            weights.Dispose();
            throw new CheckpointException(folder, $"the adapter changes {unread}, which the model does not use");
        }

        return weights;
    }
}
