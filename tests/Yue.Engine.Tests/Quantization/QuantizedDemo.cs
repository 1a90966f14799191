using Xunit;
using Yue.Engine.Families.Yue1.Calibration;
using Yue.Engine.Families.Yue1.Demo;
using Yue.Engine.Scheduling;

namespace Yue.Engine.Tests.Quantization;

/// <summary>The demo model's checkpoints, quantized on the CPU.</summary>
internal static class QuantizedDemo
{
    /// <summary>Quantizes both checkpoints.</summary>
    /// <param name="target">The folder for the results.</param>
    /// <param name="bits">The number of bits per weight.</param>
    /// <param name="songs">The number of songs to calibrate with.</param>
    /// <returns>The folders of the results.</returns>
    public static (string Stage1, string Stage2) Make(string target, int bits, int songs)
    {
        var options = Options(target, bits, songs);
        Run(options);
        return (options.Stage1.Target, options.Stage2.Target);
    }

    /// <summary>Runs a quantization.</summary>
    /// <param name="options">The options.</param>
    /// <param name="begin">Called with the number of bytes to write; null to call nothing.</param>
    public static void Run(Yue1QuantizationOptions options, Action<long>? begin = null) =>
        new Yue1Quantization(options, (_, _) => { }, _ => { }, begin ?? (_ => { }), TestContext.Current.CancellationToken).Run();

    /// <summary>Returns options for quantizing both checkpoints.</summary>
    public static Yue1QuantizationOptions Options(string target, int bits, int songs) => new()
    {
        Stage1 = new(DemoModel.Folders.Stage1, Path.Combine(target, "stage1")),
        Stage2 = new(DemoModel.Folders.Stage2, Path.Combine(target, "stage2")),
        IsDemo = true,
        Bits = bits,
        Songs = songs,
        Seed = 1,
        Device = "cpu",
        CacheFolder = Path.Combine(target, "cache"),
        Program = "test",
    };

    /// <summary>Returns the settings of an engine that runs on the CPU with the given checkpoints.</summary>
    public static EngineOptions Settings(string stage1, string stage2)
    {
        var settings = new EngineOptions { Stage2 = stage2, Codec = DemoModel.Folders.Codec, Device = "cpu" };
        settings.Stage1.Add("small", stage1);
        return settings;
    }
}
