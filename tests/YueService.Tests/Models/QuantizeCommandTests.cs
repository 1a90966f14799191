using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Xunit;
using Yue.Cuda.Decode;
using Yue.Engine.Families.Yue1.Demo;
using Yue.Engine.Llama;
using Yue.Engine.Weights;
using Yue.Testing;
using YueService.CommandLine;
using YueService.Downloads;
using Command = YueService.Tests.Fakes.Command;

namespace YueService.Tests.Models;

/// <summary>Tests <c>yue models quantize</c> with the demo model.</summary>
public sealed class QuantizeCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Stage1 => _folder["out/YuE-s1-demo-int4"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_quantized_profile_loads_and_a_second_run_finds_it_complete()
    {
        var (exitCode, output, error) = await RunAsync("demo", "--bits", "4", "--songs", "1", "--device", "cpu");
        Assert.Equal(ExitCode.Success, exitCode);
        Assert.Contains($"YUE_STAGE1='demo={Stage1}'\n", output, StringComparison.Ordinal);
        Assert.Contains($"YUE_STAGE2='{_folder["out/YuE-s2-demo-int4"]}'\n", output, StringComparison.Ordinal);
        Assert.Contains($"YUE_CODEC='{DemoModel.Folders.Codec}'\n", output, StringComparison.Ordinal);
        Assert.Contains("%", error, StringComparison.Ordinal);
        Assert.Equal(WeightType.Int4, LlamaConfig.Load(Stage1).QuantizedType);
        Assert.True(File.Exists(Path.Combine(Stage1, "tokenizer.model")));
        using (var checkpoint = SafetensorsCheckpoint.Open(Stage1))
        {
            var record = QuantizationRecord.Of(checkpoint)!;
            Assert.Equal((1, 1), (record.Calibration!.Songs, record.Calibration.Seed));
            Assert.InRange(record.Calibration.Tokens, 100, 4_000);
            Assert.Equal(["config.json", "model.safetensors"], record.Sources.Select(file => file.Name));
            Assert.Equal(
                FakeHub.Sha256(File.ReadAllBytes(Path.Combine(DemoModel.Folders.Stage1, "model.safetensors"))), record.Sources[1].Sha256);
            Assert.StartsWith("YueService ", record.Program, StringComparison.Ordinal);
        }

        var (secondExitCode, secondOutput, secondError) = await RunAsync("demo", "--bits", "4", "--songs", "1");
        Assert.Equal(ExitCode.Success, secondExitCode);
        Assert.Contains($"{Stage1} is complete.", secondOutput + secondError, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Results_that_are_damaged_or_made_with_other_options_are_replaced()
    {
        Assert.Equal(ExitCode.Success, (await RunAsync("demo", "--bits", "4", "--songs", "0")).ExitCode);
        var layer = Path.Combine(Stage1, "model-00002-of-00008.safetensors");
        var whole = File.ReadAllBytes(layer);
        File.WriteAllBytes(layer, whole[..^1]);
        var (exitCode, output, error) = await RunAsync("demo", "--bits", "4", "--songs", "0");
        Assert.Equal(ExitCode.Success, exitCode);
        Assert.Contains($"{Stage1} is damaged and will be replaced.", output + error, StringComparison.Ordinal);
        Assert.Equal(whole, File.ReadAllBytes(layer));

        (exitCode, output, error) = await RunAsync("demo", "--bits", "4", "--songs", "1");
        Assert.Equal(ExitCode.Success, exitCode);
        Assert.Contains("was made from other files or with other options, and will be replaced", output + error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Folders_and_files_that_are_not_results_are_kept()
    {
        Directory.CreateDirectory(Stage1);
        File.WriteAllText(Path.Combine(Stage1, "mine.txt"), "mine");
        var (refused, _, error) = await RunAsync("demo", "--bits", "4", "--songs", "0");
        Assert.Equal(ExitCode.Failure, refused);
        Assert.Contains("exists and is not a quantized checkpoint", error, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(Stage1, "mine.txt")));

        Directory.Delete(Stage1, recursive: true);
        File.WriteAllText(Stage1, "mine");
        (refused, _, error) = await RunAsync("demo", "--bits", "4", "--songs", "0");
        Assert.Equal(ExitCode.Failure, refused);
        Assert.Contains($"{Stage1} exists and is not a quantized checkpoint", error, StringComparison.Ordinal);
        Assert.DoesNotContain("stage 1", error, StringComparison.Ordinal);
    }

    /// <remarks>The name of the result contains the name of the adapter, so that a result without the adapter is not
    /// replaced.</remarks>
    [Fact]
    public async Task An_adapter_is_merged_and_named_in_the_result()
    {
        WriteAdapter(_folder["mine"]);
        var (exitCode, output, error) = await RunAsync("demo", "--bits", "4", "--songs", "0", "--lora", _folder["mine"] + "/");
        Assert.True(exitCode == ExitCode.Success, error);
        var stage1 = _folder["out/YuE-s1-demo+mine-int4"];
        Assert.Contains($"YUE_STAGE1='demo={stage1}'\n", output, StringComparison.Ordinal);
        Assert.Contains($"YUE_STAGE2='{_folder["out/YuE-s2-demo-int4"]}'\n", output, StringComparison.Ordinal);
        Assert.Equal(
            ["adapter_config.json", "adapter_model.safetensors"], QuantizationRecord.TryRead(stage1)!.Lora.Select(file => file.Name));

        File.WriteAllText(_folder["mine/adapter_config.json"], "{}");
        (exitCode, _, error) = await RunAsync("demo", "--bits", "4", "--songs", "0", "--lora", _folder["mine"]);
        Assert.Equal(ExitCode.Failure, exitCode);
        Assert.Contains($"{_folder["mine/adapter_config.json"]}: peft_type is", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_stopped_run_says_how_to_resume()
    {
        using var stop = new CancellationTokenSource();
        await stop.CancelAsync();
        var command = new Command();
        var exitCode = await command.RunUntilAsync(
            stop.Token, "models", "quantize", "demo", "--bits", "6", "--songs", "0", "--output", _folder["out"]);
        Assert.Equal(ExitCode.Cancelled, exitCode);
        Assert.Contains("Run the same command again to resume", command.Error.ToString(), StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder["out/YuE-s1-demo-int6"]));
    }

    [Fact]
    public async Task A_quantized_checkpoint_is_not_quantized_again()
    {
        Directory.CreateDirectory(_folder["models/YuE-s2-1B-general"]);
        var stage1 = Directory.CreateDirectory(_folder["models/YuE-s1-7B-anneal-en-cot"]).FullName;
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(DemoModel.Folders.Stage1, "config.json")))!;
        config["quantization_config"] = new JsonObject
        {
            ["quant_method"] = "yue-groups",
            ["format_version"] = 1,
            ["bits"] = 4,
            ["group_size"] = 32,
            ["head_terms"] = 2,
        };
        File.WriteAllText(Path.Combine(stage1, "config.json"), config.ToJsonString());
        var (exitCode, _, error) = await RunAsync("en-cot", "--bits", "4");
        Assert.Equal(ExitCode.Failure, exitCode);
        Assert.Contains($"{stage1}: the checkpoint is already quantized", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--bits is '5'; write 4 or 6.", "demo", "--bits", "5")]
    [InlineData("--bits is 'four'; write 4 or 6.", "demo", "--bits", "four")]
    [InlineData("--songs is '1000'; write a number from 0 to 256.", "demo", "--bits", "4", "--songs", "1000")]
    [InlineData("--songs is '1.5'; write a number from 0 to 256.", "demo", "--bits", "4", "--songs", "1.5")]
    [InlineData("--seed is 'x'; write a whole number.", "demo", "--bits", "4", "--seed", "x")]
    [InlineData("Device is cuda:x; it must be auto, cpu, cuda, or cuda with an index", "demo", "--bits", "4", "--device", "cuda:x")]
    [InlineData("Device is gpu; it must be auto, cpu, cuda, or cuda with an index", "demo", "--bits", "4", "--device", "gpu")]
    [InlineData("There is no profile 'other'; the profiles are demo, en-cot,", "other", "--bits", "4")]
    [InlineData("yue2 cannot be quantized beforehand", "yue2", "--bits", "4")]
    [InlineData("YuE-s1-7B-anneal-en-cot does not exist. Fix: yue models pull en-cot", "en-cot", "--bits", "4")]
    [InlineData("Device is cuda:99, but this build finds", "demo", "--bits", "4", "--device", "cuda:99")]
    public async Task Invalid_arguments_are_refused_with_the_reason(string expected, params string[] args)
    {
        var (exitCode, _, error) = await RunAsync(args);
        Assert.Equal(ExitCode.Usage, exitCode);
        Assert.Contains(expected, error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder["out"]));
    }

    [Fact]
    public async Task A_file_in_place_of_the_output_folder_is_refused()
    {
        File.WriteAllText(_folder["out"], "mine");
        var (exitCode, _, error) = await RunAsync("demo", "--bits", "4", "--songs", "0");
        Assert.Equal(ExitCode.Usage, exitCode);
        Assert.Contains($"{_folder["out"]} is a file; name a folder with --output.", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Insufficient_disk_space_is_reported_before_anything_is_written()
    {
        var quantize = new QuantizeCommand(
            (_, run, cancel) => run(new ModelFolder(_folder["models"], ModelManifest.LoadDefault()), TextWriter.Null, cancel),
            new DiskSpace(_ => 1_040_000_000, SpareBytes: 1_000_000_000)).Build();
        var line = quantize.Parse(["demo", "--bits", "4", "--songs", "0", "--output", _folder["new/out"]]);
        var configuration = new InvocationConfiguration { EnableDefaultExceptionHandler = false, Error = TextWriter.Null };
        var error = await Assert.ThrowsAsync<IOException>(() => line.InvokeAsync(configuration, TestContext.Current.CancellationToken));
        Assert.Matches(
            $"{_folder["new/out"]} has 1.04 GB free, but 45.[0-9] MB will be written and 1.00 GB must stay free. "
                + "Free some space, or choose a folder on another disk with --output.",
            error.Message);
        Assert.False(Directory.Exists(_folder["new"]));
    }

    /// <summary>Writes an adapter of rank 1 that changes nothing.</summary>
    private static void WriteAdapter(string folder)
    {
        const string Module = "model.layers.0.self_attn.q_proj";
        using var checkpoint = SafetensorsCheckpoint.Open(DemoModel.Folders.Stage1);
        var shape = checkpoint.Tensors[$"{Module}.weight"].Shape;
        var (a, b) = (sizeof(float) * shape[1], sizeof(float) * shape[0]);
        static object Entry(long[] shape, long[] offsets) => new { dtype = "F32", shape, data_offsets = offsets };
        var header = JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, object>
        {
            [$"base_model.model.{Module}.lora_A.weight"] = Entry([1, shape[1]], [0, a]),
            [$"base_model.model.{Module}.lora_B.weight"] = Entry([shape[0], 1], [a, a + b]),
        });
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "adapter_config.json"), """{"peft_type":"LORA","r":1,"lora_alpha":1}""");
        File.WriteAllBytes(
            Path.Combine(folder, "adapter_model.safetensors"),
            [.. BitConverter.GetBytes((ulong)header.Length), .. header, .. new byte[a + b]]);
    }

    private async Task<(int ExitCode, string Output, string Error)> RunAsync(params string[] args)
    {
        var command = new Command();
        var exitCode = await command.RunAsync(
            ["models", "quantize", .. args, "--output", _folder["out"], "--folder", _folder["models"]]);
        return (exitCode, command.Output.ToString(), command.Error.ToString());
    }
}
