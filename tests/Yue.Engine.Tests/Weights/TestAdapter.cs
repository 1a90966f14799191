using Yue.Engine.Families.Yue1.Demo;
using Yue.Engine.Weights;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.Weights;

/// <summary>Writes LoRA adapters for the demo model's stage 1.</summary>
internal static class TestAdapter
{
    public const int Rank = 4;
    public const string Query = "model.layers.0.self_attn.q_proj";
    public const string Down = "model.layers.1.mlp.down_proj";

    private static readonly string Base = DemoModel.Folders.Stage1;

    /// <summary>Writes an adapter with random factors.</summary>
    /// <param name="folder">The adapter's folder.</param>
    /// <param name="config">The settings in its config in addition to the required ones.</param>
    /// <param name="modules">The adapted modules.</param>
    public static void Write(string folder, string config, params string[] modules)
    {
        File.WriteAllText(
            Path.Combine(folder, "adapter_config.json"), $$"""{"peft_type":"LORA","r":{{Rank}},"bias":"none",{{config}}}""");
        using var scope = NewDisposeScope();
        using var checkpoint = SafetensorsCheckpoint.Open(Base);
        var generator = new Generator(1);
        WriteTensors(folder, [.. modules.SelectMany(module =>
        {
            var shape = checkpoint.Tensors[module + ".weight"].Shape;
            return new[]
            {
                (module + ".lora_A", randn([Rank, shape[1]], generator: generator) / 8),
                (module + ".lora_B", randn([shape[0], Rank], generator: generator) / 8),
            };
        })]);
    }

    /// <summary>Writes the tensors of an adapter.</summary>
    public static void WriteTensors(string folder, params (string Name, Tensor Values)[] tensors) => SafetensorsWriter.Write(
        Path.Combine(folder, "adapter_model.safetensors"),
        [.. tensors.Select(tensor => TensorData.From($"base_model.model.{tensor.Name}.weight", tensor.Values))]);

    /// <summary>Writes the demo checkpoint with an adapter merged into it: the adapted matrices in F32, the others unchanged.</summary>
    /// <returns>The folder of the merged checkpoint.</returns>
    public static string WriteMerged(string adapter, string target)
    {
        Directory.CreateDirectory(target);
        foreach (var file in Directory.GetFiles(Base).Where(file => !file.EndsWith(".safetensors", StringComparison.Ordinal)))
        {
            File.Copy(file, Path.Combine(target, Path.GetFileName(file)));
        }

        using var scope = NewDisposeScope();
        using var checkpoint = SafetensorsCheckpoint.Open(Base);
        var (plain, stored) = (
            new CheckpointTensors(checkpoint, ScalarType.Float32), new CheckpointTensors(checkpoint, ScalarType.BFloat16));
        using var lora = LoraAdapter.Open(adapter, plain);
        var merged = new LoraTensors(plain, lora);
        SafetensorsWriter.Write(
            Path.Combine(target, SafetensorsCheckpoint.SingleFile),
            [.. checkpoint.Tensors.Keys.Select(name => TensorData.From(
                name, (lora.Names.Contains(name) ? (ITensorSource)merged : stored).Read(name, plain.ShapeOf(name))))]);
        return target;
    }
}
