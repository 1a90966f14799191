using Xunit;
using Yue.Engine.Families.Yue1.Demo;
using Yue.Engine.Scheduling;
using Yue.Engine.Weights;
using Yue.Testing;

namespace Yue.Engine.Tests;

/// <summary>Tests the start of the engine, and its errors for invalid checkpoint files and devices. Each test of an invalid file changes
/// one thing in a copy of the demo files.</summary>
public sealed class EngineStartTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly DemoModelFolders _files;

    public EngineStartTests() =>
        _files = new(Copied(DemoModel.Folders.Stage1), Copied(DemoModel.Folders.Stage2), Copied(DemoModel.Folders.Codec));

    public static TheoryData<string, string> ChangedConfigs => new()
    {
        { "\"model_type\": \"llama\"", "\"model_type\": \"mamba\"" },
        { "\"rope_scaling\": null", "\"rope_scaling\": {\"type\": \"linear\"}" },
        { "\"hidden_act\": \"silu\"", "\"hidden_act\": \"gelu\"" },
    };

    [Fact]
    public async Task Configured_checkpoints_are_loaded_under_their_names()
    {
        using var engine = DemoEngine.Create(Options());
        engine.Start();
        await engine.Loaded;

        Assert.Equal(EngineState.Ready, engine.Status.State);
        Assert.False(engine.Status.IsDemo);
        Assert.Equal(["stage1", "stage2", "codec", "encoder", "vocoder", "vocoder"], engine.Status.Models.Select(model => model.Role));
        Assert.Equal("english", engine.Status.Models[0].Name);
        await engine.DrainAsync(CancellationToken.None);
    }

    [Fact]
    public void The_status_shows_before_loading_whether_the_model_is_the_demo()
    {
        using var demo = DemoEngine.Create(new EngineOptions());
        using var configured = DemoEngine.Create(Options());
        Assert.Equal((true, false), (demo.Status.IsDemo, configured.Status.IsDemo));
    }

    [Fact]
    public async Task A_missing_file_is_named_in_the_error()
    {
        var file = Path.Combine(_files.Codec, "decoders", "decoder_131000.pth");
        File.Delete(file);
        Assert.Contains(file, await FailureAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_truncated_file_is_named_in_the_error()
    {
        var file = Path.Combine(_files.Stage2, "model.safetensors");
        using (var stream = File.OpenWrite(file))
        {
            stream.SetLength(stream.Length / 2);
        }

        Assert.Contains(file, await FailureAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_vocoder_file_that_contains_the_codec_is_named_in_the_error()
    {
        var vocoder = Path.Combine(_files.Codec, "decoders", "decoder_151000.pth");
        File.Copy(Path.Combine(_files.Codec, "final_ckpt", "ckpt_00360000.pth"), vocoder, overwrite: true);
        var failure = await FailureAsync();
        Assert.Contains(vocoder, failure, StringComparison.Ordinal);
        Assert.Contains("tensor", failure, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(ChangedConfigs))]
    public async Task An_unsupported_configuration_causes_an_error_that_names_it(string from, string to)
    {
        var file = Path.Combine(_files.Stage1, "config.json");
        var config = await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken);
        Assert.Contains(from, config, StringComparison.Ordinal);
        await File.WriteAllTextAsync(file, config.Replace(from, to, StringComparison.Ordinal), TestContext.Current.CancellationToken);

        var failure = await FailureAsync();
        Assert.Contains(file, failure, StringComparison.Ordinal);
        Assert.Contains(from.Split('"')[1], failure, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();

    private string Copied(string folder)
    {
        var copy = _folder[Path.GetFileName(folder)];
        foreach (var file in Directory.GetFiles(folder, "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(copy, Path.GetRelativePath(folder, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }

        return copy;
    }

    [Fact]
    public async Task A_missing_GPU_is_named_with_advice()
    {
        using var engine = DemoEngine.Create(new EngineOptions { Device = "cuda:99" });
        engine.Start();
        await Assert.ThrowsAsync<InvalidOperationException>(() => engine.Loaded);
        Assert.Matches(
            @"Device is cuda:99, but this build finds no such GPU \(GPUs found: [0-9]+\)\. Run yue doctor to find out why",
            engine.Status.Failure);
    }

    [Theory]
    [InlineData("auto", true)]
    [InlineData("cpu", false)]
    public async Task Checkpoints_without_a_GPU_cause_a_warning_unless_the_device_is_cpu(string device, bool warns)
    {
        Assert.SkipWhen(TorchSharp.torch.cuda.is_available(), "there is a GPU");
        var log = new WarningLog();
        var options = Options();
        options.Device = device;
        using var engine = new YueEngine(Microsoft.Extensions.Options.Options.Create(options), log);
        engine.Start();
        await engine.Loaded;
        Assert.Equal(
            warns,
            log.Warnings.Any(warning => warning.StartsWith("Device is auto, and no GPU can be used", StringComparison.Ordinal)));
    }

    private EngineOptions Options() => new()
    {
        Stage1 = { ["english"] = _files.Stage1 },
        Stage2 = _files.Stage2,
        Codec = _files.Codec,
    };

    private async Task<string> FailureAsync()
    {
        using var engine = DemoEngine.Create(Options());
        engine.Start();
        var error = await Assert.ThrowsAsync<CheckpointException>(() => engine.Loaded);
        Assert.Equal(EngineState.Failed, engine.Status.State);
        Assert.Equal(error.Message, engine.Status.Failure);
        Assert.False(engine.Lost.IsCompleted);
        Assert.False(engine.TryAdmit(new SongTicket(DemoEngine.OneSecond(), null, CancellationToken.None)));
        return error.Message;
    }
}
