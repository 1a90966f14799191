using Xunit;
using Yue.Engine.Families.Yue1.Demo;
using Yue.Engine.Scheduling;
using Yue.Engine.Weights;
using Yue.Testing;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.Weights;

/// <summary>Tests LoRA adapters in PEFT's format for the demo checkpoint.</summary>
public sealed class LoraTests : IDisposable
{
    private const int Rank = TestAdapter.Rank;
    private const string Query = TestAdapter.Query;
    private const string Down = TestAdapter.Down;

    private readonly TemporaryFolder _folder = new();
    private readonly string _base = DemoModel.Folders.Stage1;

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("\"lora_alpha\":8", 2.0)]
    [InlineData("\"lora_alpha\":8,\"use_rslora\":true", 4.0)]
    public void Merged_weights_equal_a_merge_in_double_precision(string config, double scale)
    {
        TestAdapter.Write(_folder.Path, config, Query, Down);
        using var scope = NewDisposeScope();
        using var checkpoint = SafetensorsCheckpoint.Open(_base);
        using var file = SafetensorsFile.Open(_folder["adapter_model.safetensors"]);
        var exact = new CheckpointTensors(checkpoint, ScalarType.Float64);
        var factors = new CheckpointTensors(file, ScalarType.Float64);
        var plain = new CheckpointTensors(checkpoint, ScalarType.Float32);
        using var adapter = LoraAdapter.Open(_folder.Path, plain);
        var merged = new LoraTensors(plain, adapter);
        foreach (var module in new[] { Query, Down })
        {
            var shape = exact.ShapeOf(module + ".weight");
            var a = factors.Read($"base_model.model.{module}.lora_A.weight", Rank, shape[1]);
            var b = factors.Read($"base_model.model.{module}.lora_B.weight", shape[0], Rank);
            var expected = exact.Read(module + ".weight", shape) + (scale * b.matmul(a));
            var read = merged.Read(module + ".weight", shape);
            Assert.True((expected - read).abs().max().item<double>() < 1e-6);

            // Reads into a part of a larger tensor, as is done for fused matrices.
            var larger = zeros([2 * shape[0], shape[1]]);
            merged.ReadInto(module + ".weight", larger.narrow(0, shape[0], shape[0]));
            Assert.True(larger.narrow(0, shape[0], shape[0]).equal(read).all().item<bool>());
            Assert.True(larger.narrow(0, 0, shape[0]).equal(zeros(shape)).all().item<bool>());
        }

        Assert.Empty(merged.Unread);
        const string Untouched = "model.layers.0.self_attn.k_proj.weight";
        var size = plain.ShapeOf(Untouched);
        Assert.True(plain.Read(Untouched, size).equal(merged.Read(Untouched, size)).all().item<bool>());
    }

    [Fact]
    public async Task An_adapted_model_and_a_merged_checkpoint_make_the_same_song()
    {
        TestAdapter.Write(_folder.Path, "\"lora_alpha\":64", Query, Down);
        var merged = TestAdapter.WriteMerged(_folder.Path, _folder["merged"]);
        using var engine = Engine(("a", _base), ("a+mine", _base), ("b", merged));
        engine.Start();
        await engine.Loaded;
        var plain = await SingAsync(engine, "a");
        var adapted = await SingAsync(engine, "a+mine");
        Assert.NotEqual(plain, adapted);
        Assert.Equal(await SingAsync(engine, "b"), adapted);
        await engine.DrainAsync(TestContext.Current.CancellationToken);
    }

    [Theory]
    [InlineData("\"r\":8", "expected rank 8")]
    [InlineData("\"peft_type\":\"IA3\"", "peft_type is \"IA3\"")]
    [InlineData("\"use_dora\":true", "use_dora is true")]
    [InlineData("\"bias\":\"all\"", "bias is \"all\"")]
    [InlineData("\"modules_to_save\":[\"lm_head\"]", "modules_to_save is")]
    [InlineData("\"rank_pattern\":{\"q_proj\":8}", "rank_pattern is")]
    [InlineData("\"lora_alpha\":0", "lora_alpha is 0")]
    public void Settings_that_are_not_supported_cause_errors_that_name_them(string setting, string says)
    {
        TestAdapter.Write(_folder.Path, "\"lora_alpha\":8", Query);
        var config = File.ReadAllText(_folder["adapter_config.json"]);
        var key = setting.Split(':')[0];
        var others = config.Trim('{', '}').Split(',').Where(pair => !pair.StartsWith(key, StringComparison.Ordinal));
        File.WriteAllText(_folder["adapter_config.json"], $"{{{string.Join(',', others.Append(setting))}}}");
        AssertRefused(says);
    }

    [Fact]
    public void A_damaged_or_mismatched_adapter_is_refused_with_a_reason()
    {
        TestAdapter.Write(_folder.Path, "\"lora_alpha\":8", Query);
        using var scope = NewDisposeScope();
        Write((Query + ".lora_A", zeros(Rank, 8)), (Query + ".lora_B", zeros(8, Rank)));
        AssertRefused("the adapter was made for another checkpoint");
        Write(("model.layers.99.self_attn.q_proj.lora_A", zeros(Rank, 8)), ("model.layers.99.self_attn.q_proj.lora_B", zeros(8, Rank)));
        AssertRefused("the checkpoint does not have it");
        Write((Query + ".lora_A", zeros(Rank, 8)));
        AssertRefused("has only one of lora_A and lora_B");
        Write((Query + ".lora_magnitude_vector", zeros(8)));
        AssertRefused("lora_magnitude_vector.weight is not supported");
        Write();
        AssertRefused("the file has no tensors");
        File.WriteAllText(_folder["adapter_model.safetensors"], "PK");
        AssertRefused("adapter_model.safetensors");
        File.Delete(_folder["adapter_model.safetensors"]);
        AssertRefused("adapter_model.safetensors");
    }

    [Fact]
    public void Values_that_are_not_finite_are_refused_when_they_are_read()
    {
        TestAdapter.Write(_folder.Path, "\"lora_alpha\":8", Query);
        using var scope = NewDisposeScope();
        using var checkpoint = SafetensorsCheckpoint.Open(_base);
        var plain = new CheckpointTensors(checkpoint, ScalarType.Float32);
        var shape = plain.ShapeOf(Query + ".weight");
        Write((Query + ".lora_A", full([Rank, shape[1]], float.NaN)), (Query + ".lora_B", zeros(shape[0], Rank)));
        using var adapter = LoraAdapter.Open(_folder.Path, plain);
        var error = Assert.Throws<CheckpointException>(() => new LoraTensors(plain, adapter).Read(Query + ".weight", shape));
        Assert.Contains("not finite", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_model_name_with_an_unknown_adapter_makes_startup_fail()
    {
        using var engine = Engine(("a", _base), ("a+other", _base));
        engine.Start();
        var error = await Assert.ThrowsAsync<CheckpointException>(() => engine.Loaded);
        Assert.Contains("Lora:other is not set", error.Message, StringComparison.Ordinal);
    }

    private static async Task<float[]> SingAsync(YueEngine engine, string model) =>
        (await DemoEngine.SingAsync(engine, DemoEngine.OneSecond() with { Model = model })).Mix.Samples;

    private void AssertRefused(string says)
    {
        var error = Assert.Throws<CheckpointException>(() => LoraAdapter.Check(_folder.Path, _base));
        Assert.Contains(says, error.Message, StringComparison.Ordinal);
    }

    private YueEngine Engine(params (string Name, string Folder)[] models)
    {
        var options = new EngineOptions { Stage2 = DemoModel.Folders.Stage2, Codec = DemoModel.Folders.Codec, Device = "cpu" };
        foreach (var (name, folder) in models)
        {
            options.Stage1.Add(name, folder);
        }

        options.Lora.Add("mine", _folder.Path);
        return DemoEngine.Create(options);
    }

    private void Write(params (string Name, Tensor Values)[] tensors) => TestAdapter.WriteTensors(_folder.Path, tensors);
}
