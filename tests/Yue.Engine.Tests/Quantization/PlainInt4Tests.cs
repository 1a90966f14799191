using Microsoft.Extensions.Options;
using Xunit;
using Yue.Engine.Families.Yue1.Demo;
using Yue.Engine.Scheduling;
using Yue.Testing;

namespace Yue.Engine.Tests.Quantization;

/// <summary>Tests the warning about 4-bit weights without calibration.</summary>
public sealed class PlainInt4Tests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Files_with_4_bits_and_no_calibration_cause_a_warning_at_start()
    {
        var (stage1, stage2) = QuantizedDemo.Make(_folder.Path, bits: 4, songs: 0);
        var warnings = await WarningsAsync(QuantizedDemo.Settings(stage1, stage2));
        Assert.Equal(
            new[] { stage1, stage2 }.Select(folder =>
                $"{folder} has 4 bits per weight without calibration, so the quality of songs may be lower; "
                + "make a calibrated checkpoint with yue models quantize PROFILE --bits 4, or with --bits 6 if it fits"),
            warnings);
    }

    /// <remarks>Without a GPU, the setting does not apply.</remarks>
    [Theory]
    [InlineData("auto", "Device is auto, and no GPU can be used")]
    [InlineData("cpu", null)]
    public async Task The_setting_causes_no_warning_on_the_CPU(string device, string? other)
    {
        Assert.SkipWhen(TorchSharp.torch.cuda.is_available(), "there is a GPU");
        var settings = QuantizedDemo.Settings(DemoModel.Folders.Stage1, DemoModel.Folders.Stage2);
        (settings.Device, settings.Weights) = (device, "int4");
        var warnings = await WarningsAsync(settings);
        Assert.Equal(other is null ? 0 : 1, warnings.Length);
        Assert.All(warnings, warning => Assert.StartsWith(other!, warning, StringComparison.Ordinal));
    }

    [Fact]
    public void The_setting_applies_to_the_checkpoints_in_use_on_a_GPU()
    {
        var yue2 = Path.GetDirectoryName(_folder.Write("yue2/config.json", """{"model_type":"yue2"}"""))!;
        var settings = new EngineOptions { Stage2 = DemoModel.Folders.Stage2, Weights = "int4" };
        Assert.Empty(PlainInt4.Of(settings, onGpu: true));      // the demo model

        settings.Stage1.Add("new", yue2);
        Assert.Equal([new PlainInt4(yue2, "set Weights to int6 if it fits")], PlainInt4.Of(settings, onGpu: true));

        settings.Stage1.Add("old", DemoModel.Folders.Stage1);
        settings.Stage1.Add("old+mine", DemoModel.Folders.Stage1);
        Assert.Equal(
            [yue2, DemoModel.Folders.Stage1, DemoModel.Folders.Stage2],
            PlainInt4.Of(settings, onGpu: true).Select(checkpoint => checkpoint.Folder));
        settings.Weights = "int6";
        Assert.Empty(PlainInt4.Of(settings, onGpu: true));
    }

    private static async Task<string[]> WarningsAsync(EngineOptions settings)
    {
        var log = new WarningLog();
        using var engine = new YueEngine(Options.Create(settings), log);
        engine.Start();
        await engine.Loaded;
        await engine.DrainAsync(TestContext.Current.CancellationToken);
        return [.. log.Warnings];
    }
}
