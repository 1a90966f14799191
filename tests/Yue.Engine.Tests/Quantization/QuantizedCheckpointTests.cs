using System.Text.Json.Nodes;
using Xunit;
using Yue.Cuda.Decode;
using Yue.Engine.Families.Yue1.Demo;
using Yue.Engine.Llama;
using Yue.Engine.Quantization;
using Yue.Engine.Residency;
using Yue.Engine.Weights;
using Yue.Testing;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.Quantization;

/// <summary>Tests the files of quantized checkpoints with the demo model.</summary>
public sealed class QuantizedCheckpointTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly string _source = DemoModel.Folders.Stage2;

    private static IReadOnlyList<int[]> Sequences => [[.. Enumerable.Range(45_400, 300)], [.. Enumerable.Range(45_500, 200)]];

    private string Target => _folder["quantized"];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(4, WeightType.Int4)]
    [InlineData(6, WeightType.Int6)]
    public void A_stored_matrix_is_read_as_its_rounded_weights(int bits, WeightType type)
    {
        Quantize(Record(bits), []);
        using var scope = NewDisposeScope();
        var config = LlamaConfig.Load(Target);
        using var quantized = SafetensorsCheckpoint.Open(Target);
        using var original = SafetensorsCheckpoint.Open(_source);
        var (found, exact) = (new CheckpointTensors(quantized, ScalarType.Float32), new CheckpointTensors(original, ScalarType.Float32));
        Assert.Equal(type, config.QuantizedType);
        Assert.False(config.TieWordEmbeddings);
        Assert.Equal(type, found.Quantization!.Type);
        foreach (var (name, from, terms) in new[]
        {
            ("model.layers.0.self_attn.k_proj.weight", "model.layers.0.self_attn.k_proj.weight", 1),
            ("model.layers.1.mlp.up_proj.weight", "model.layers.1.mlp.up_proj.weight", 1),
            ("model.layers.2.mlp.down_proj.weight", "model.layers.2.mlp.down_proj.weight", 1),
            ("lm_head.weight", "model.embed_tokens.weight", 2),
        })
        {
            var values = exact.Read(from, exact.ShapeOf(from));
            using var rounded = PlainRounding.Round(values, type, terms);
            Assert.True(found.Read(name, values.shape).equal(rounded.Values).all().item<bool>(), name);
        }

        foreach (var name in new[] { "model.embed_tokens.weight", "model.norm.weight", "model.layers.1.input_layernorm.weight" })
        {
            Assert.Equal(ScalarType.BFloat16, quantized.Tensors[name].Dtype);
            var values = exact.Read(name, exact.ShapeOf(name));
            Assert.True(found.Read(name, values.shape).equal(values).all().item<bool>(), name);
        }
    }

    [Fact]
    public void A_quantized_checkpoint_on_the_CPU_has_logits_close_to_the_originals()
    {
        Quantize(Record(6), Sequences);
        using var scope = NewDisposeScope();
        using var exact = Load(_source);
        using var quantized = Load(Target);
        Assert.InRange(RoundingTests.ErrorOf(Logits(quantized), Logits(exact)), 0.001, 0.05);
        Assert.True(File.Exists(Path.Combine(Target, "generation_config.json")));
        Assert.False(Directory.Exists(Target + ".part"));
    }

    [Fact]
    public void An_interrupted_run_continues_after_the_last_block_with_the_same_result()
    {
        var record = Record(4);
        Quantize(record, Sequences);
        var whole = Shards().ToDictionary(shard => Path.GetFileName(shard), File.ReadAllBytes);
        Directory.Delete(Target, recursive: true);

        using var stop = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => Quantize(record, Sequences, done => Stop(stop, done), stop.Token));
        Assert.False(Directory.Exists(Target));
        Assert.Throws<CheckpointException>(() => LlamaConfig.Load(Target + ".part"));
        Assert.Throws<CheckpointException>(() => SafetensorsCheckpoint.Open(Target + ".part"));
        var first = Path.Combine(Target + ".part", "model-00002-of-00005.safetensors");
        var written = File.GetLastWriteTimeUtc(first);
        var embedding = Path.Combine(Target + ".part", "model-00001-of-00005.safetensors");
        File.WriteAllBytes(embedding, File.ReadAllBytes(embedding)[..^1]);       // damaged, so it is written again

        Assert.False(Quantize(record, Sequences));
        Assert.Equal(written, File.GetLastWriteTimeUtc(Path.Combine(Target, Path.GetFileName(first))));
        Assert.Equal(whole.Keys, Shards().Select(shard => Path.GetFileName(shard)));
        Assert.All(Shards(), shard => Assert.Equal(whole[Path.GetFileName(shard)], File.ReadAllBytes(shard)));
    }

    [Fact]
    public void A_run_with_a_different_number_of_bits_starts_over()
    {
        using var stop = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => Quantize(Record(4), Sequences, done => Stop(stop, done), stop.Token));
        Assert.True(Quantize(Record(6), Sequences));
        Assert.Equal(WeightType.Int6, LlamaConfig.Load(Target).QuantizedType);
    }

    [Fact]
    public void Two_processes_cannot_quantize_into_one_folder()
    {
        using var held = QuantizedFolder.Open(Target, Record(4));
        var error = Assert.Throws<IOException>(() => QuantizedFolder.Open(Target, Record(4)));
        Assert.Contains("is in use", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"format_version\":1", "\"format_version\":2", "format_version is 2; supported: 1")]
    [InlineData("\"format\":\"yue-groups\"", "\"format\":\"gptq\"", "format is gptq; supported: yue-groups")]
    [InlineData("\"bits\":4", "\"bits\":3", "bits is 3; supported: 4 or 6")]
    [InlineData("\"group_size\":32", "\"group_size\":64", "group_size is 64; supported: 32")]
    [InlineData("\"bits\":4", "\"bits\":\"x\"", "yue_quantization is invalid")]
    [InlineData("\"bits\":4", "\"bots\":4", "yue_quantization is invalid")]
    [InlineData("{", "[", "yue_quantization is invalid")]
    public void An_unsupported_or_invalid_record_is_refused_with_a_reason(string part, string replaced, string says)
    {
        var text = Record(4).ToJson().Replace(part, replaced, StringComparison.Ordinal);
        var error = Assert.Throws<CheckpointException>(() => QuantizationRecord.Parse(text, "x"));
        Assert.Contains(says, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Shards_of_different_runs_are_refused()
    {
        Quantize(Record(4), []);
        var kept = File.ReadAllBytes(Path.Combine(Target, "model-00002-of-00005.safetensors"));
        Quantize(Record(6), []);
        File.WriteAllBytes(Path.Combine(Target, "model-00002-of-00005.safetensors"), kept);
        AssertRefused("have no common record of quantization; these files belong to different checkpoints");
    }

    [Fact]
    public void A_config_with_a_different_weight_type_is_refused()
    {
        Quantize(Record(4), []);
        var path = Path.Combine(Target, "config.json");
        File.WriteAllText(path, File.ReadAllText(path).Replace("\"bits\":4", "\"bits\":6", StringComparison.Ordinal));
        AssertRefused("config.json says that the matrices are Int6, but the .safetensors files say that they are Int4");
    }

    [Fact]
    public void Codes_of_the_wrong_shape_and_damaged_scales_cause_errors_naming_them()
    {
        const string Shard = "model-00002-of-00005.safetensors", Codes = "model.layers.0.self_attn.q_proj.codes";
        Quantize(Record(4), []);
        var path = Path.Combine(Target, Shard);
        using (var shard = SafetensorsFile.Open(path))
        {
            var damaged = File.ReadAllBytes(path);
            damaged.AsSpan((int)shard.Tensors[Codes].ByteOffset + 128, 16).Fill(0x7f);      // the scales of the first unit
            File.WriteAllBytes(path, damaged);
        }

        AssertRefused($"{Shard}: tensor {Codes}: a scale is negative, 2^31 or more, or not a number");
        var config = Path.Combine(Target, "config.json");
        var json = JsonNode.Parse(File.ReadAllText(config))!;
        json["num_attention_heads"] = 4;
        File.WriteAllText(config, json.ToJsonString());
        AssertRefused(
            $"tensor {Codes} has dtype U8 and shape [256, 144], expected U8 and [512, 144], the Int4 rows of a matrix of shape [512, 56]");
    }

    [Fact]
    public void An_adapter_for_a_quantized_checkpoint_is_refused_with_advice()
    {
        Quantize(Record(4), []);
        var error = Assert.Throws<CheckpointException>(() => LoraAdapter.Check(_folder.Path, Target));
        Assert.Contains("an adapter cannot be merged into a quantized checkpoint", error.Message, StringComparison.Ordinal);
        Assert.Contains("yue models quantize NAME --lora FOLDER", error.Message, StringComparison.Ordinal);
    }

    private static QuantizationRecord Record(int bits) =>
        TestRecord.Of(bits) with { Sources = [new SourceFile("model.safetensors", 1, "00")] };

    private static void Stop(CancellationTokenSource stop, double done)
    {
        if (done > 0.4)
        {
            stop.Cancel();
        }
    }

    private static LlamaModel Load(string folder) =>
        LlamaLoader.Load(LlamaConfig.Load(folder), folder, new ModelHost(CPU, null, null!, null!), _ => { });

    private static Tensor Logits(LlamaModel model)
    {
        using var cache = model.NewCache(rows: 1, capacity: 64);
        var ids = tensor([.. Enumerable.Range(45_420, 64).Select(id => (long)id)]).unsqueeze(0);
        return model.Logits(model.Forward(ids, cache, ..1), 45_334, 8 * 1024);
    }

    private string[] Shards() => [.. Directory.GetFiles(Target, "*.safetensors").Order(StringComparer.Ordinal)];

    private void AssertRefused(string says) =>
        Assert.Contains(says, Assert.Throws<CheckpointException>(() => Load(Target).Dispose()).Message, StringComparison.Ordinal);

    /// <summary>Quantizes the source, and returns true if files from other sources or settings were removed first.</summary>
    private bool Quantize(
        QuantizationRecord record, IReadOnlyList<int[]> sequences, Action<double>? report = null, CancellationToken cancel = default)
    {
        using var folder = QuantizedFolder.Open(Target, record);
        using var checkpoint = SafetensorsCheckpoint.Open(_source);
        if (folder.ReadCalibration() is null)
        {
            folder.WriteCalibration(record, sequences);
        }

        var quantizer = new CheckpointQuantizer(
            LlamaConfig.Load(_source), new CheckpointTensors(checkpoint, ScalarType.Float32), checkpoint, folder, record);
        quantizer.Run(sequences, report ?? (_ => { }), cancel);
        folder.Complete(_source, quantizer.Shards, record);
        return folder.StartedOver;
    }
}
