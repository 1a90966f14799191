using Xunit;
using Yue.Cuda.Decode;
using Yue.Engine.Llama;
using Yue.Engine.Quantization;
using Yue.Engine.Tests.Quantization;
using Yue.Engine.Tests.Weights;
using Yue.Engine.Weights;
using Yue.Testing;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.Gpu;

[Trait("Category", "Gpu")]
public sealed class QuantizedCheckpointGpuTests : IDisposable
{
    private static readonly LlamaConfig Config = TestLlama.FullSizeStage2 with
    {
        Layers = 2,
        HiddenSize = 512,
        IntermediateSize = 768,
        Heads = 4,
        KeyValueHeads = 2,
        VocabularySize = 1_024,
        MaxPositions = 256,
    };

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>The settings select BF16, but the weights keep the type of the checkpoint. Prompts are read with the
    /// quantized weights converted to BF16.</summary>
    [Theory]
    [InlineData(4, WeightType.Int4)]
    [InlineData(6, WeightType.Int6)]
    public void Logits_of_a_quantized_checkpoint_on_a_GPU_are_close_to_those_on_the_CPU(int bits, WeightType type)
    {
        using var gpu = TestGpu.Open("bf16");
        using var scope = NewDisposeScope();
        var config = Config with { QuantizedType = type };
        Quantize(bits);
        using var exact = Load(config, CPU, null);
        using var model = Load(config, CUDA, gpu);
        Assert.Equal(type, model.Weights.Head.Type);
        Assert.All(model.Weights.Layers, layer => Assert.Equal(type, layer.GateUp.Type));

        int[] ids = [.. Enumerable.Range(0, 70).Select(i => i * 37 % 1_000)];
        using var cache = exact.NewCache(rows: 1, ids.Length);
        var expected = exact.Logits(exact.Prefill(ids, cache, row: 0), 0, config.VocabularySize).squeeze(0);
        using var dense = model.NewCache(rows: 1, ids.Length);
        var prefilled = model.Logits(model.Prefill(ids, dense, row: 0), 0, config.VocabularySize).squeeze(0).cpu();
        Assert.InRange(RoundingTests.ErrorOf(prefilled, expected), 0, 0.03);
    }

    private LlamaModel Load(LlamaConfig config, Device device, Yue.Engine.Residency.Gpu? gpu)
    {
        using var checkpoint = SafetensorsCheckpoint.Open(_folder.Path);
        var source = new CheckpointTensors(checkpoint, gpu?.Dtype ?? ScalarType.Float32, device, gpu?.Upload);
        return new LlamaModel(config, Yue.Engine.Llama.LlamaWeights.Load(config, source, gpu?.QuantizerOf(config.TypeOnGpu(gpu.Weights))));
    }

    /// <summary>Writes a random checkpoint and quantizes it without calibration.</summary>
    private void Quantize(int bits)
    {
        var random = new RandomWeights(5, 0.05, ScalarType.Float32, CPU);
        var record = TestRecord.Of(bits);
        var source = _folder["source"];
        Directory.CreateDirectory(source);
        File.WriteAllText(Path.Combine(source, "config.json"), "{}");
        string[] vectors =
        [
            "model.norm.weight",
            .. Enumerable.Range(0, Config.Layers).SelectMany(i => (string[])
                [$"model.layers.{i}.input_layernorm.weight", $"model.layers.{i}.post_attention_layernorm.weight"]),
        ];
        using var embedding = random.Read("model.embed_tokens.weight", Config.VocabularySize, Config.HiddenSize);
        using var norm = ones(Config.HiddenSize);
        SafetensorsWriter.Write(
            Path.Combine(source, SafetensorsCheckpoint.SingleFile),
            [TensorData.From("model.embed_tokens.weight", embedding), .. vectors.Select(name => TensorData.From(name, norm))]);
        using var stored = SafetensorsCheckpoint.Open(source);
        using var folder = QuantizedFolder.Open(_folder["target"], record);
        var quantizer = new CheckpointQuantizer(Config, random, stored, folder, record);
        quantizer.Run([], _ => { }, TestContext.Current.CancellationToken);
        folder.Complete(source, quantizer.Shards, record);
        foreach (var file in Directory.GetFiles(_folder["target"]))
        {
            File.Move(file, _folder[Path.GetFileName(file)]);
        }
    }
}
