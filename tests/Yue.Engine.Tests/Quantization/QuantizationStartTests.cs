using Xunit;
using Yue.Engine.Families.Yue1.Calibration;
using Yue.Engine.Families.Yue1.Demo;
using Yue.Engine.Weights;
using Yue.Testing;

namespace Yue.Engine.Tests.Quantization;

/// <summary>Tests the checks that a quantization makes before it writes files, and the progress that it reports.</summary>
public sealed class QuantizationStartTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_bytes_to_write_are_the_sizes_of_the_missing_files()
    {
        var options = QuantizedDemo.Options(_folder.Path, bits: 6, songs: 0);
        var six = BytesToWrite(options);
        QuantizedDemo.Run(options);
        Assert.InRange(SizeOf(options), six, 1.01 * six);       // with headers and small files
        QuantizedDemo.Run(options, _ => Assert.Fail("there is nothing to write"));

        // Complete files written with other options are kept until the new files are complete. Incomplete ones are deleted first.
        var other = options with { Bits = 4 };
        var four = BytesToWrite(other);
        Assert.InRange(four, 0.7 * six, 0.9 * six);
        Assert.Equal(6, QuantizationRecord.TryRead(other.Stage1.Target)!.Bits);
        Directory.Move(options.Stage1.Target, options.Stage1.Target + ".part");
        Assert.InRange(BytesToWrite(other), 0.4 * four, 0.6 * four);
    }

    /// <remarks>With real checkpoints, stage 2 is read hours after stage 1.</remarks>
    [Fact]
    public void A_stage_2_without_weights_is_refused_before_anything_is_written()
    {
        var source = _folder["stage2-source"];
        Directory.CreateDirectory(source);
        File.Copy(Path.Combine(DemoModel.Folders.Stage2, "config.json"), Path.Combine(source, "config.json"));
        var demo = QuantizedDemo.Options(_folder["out"], bits: 4, songs: 0);
        var options = demo with { Stage2 = new(source, demo.Stage2.Target) };
        var error = Assert.Throws<CheckpointException>(() => QuantizedDemo.Run(options));
        Assert.Contains($"{source}: the folder has neither model.safetensors", error.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder["out"]));
    }

    [Fact]
    public void A_message_says_that_the_CPU_is_used_because_there_is_no_GPU()
    {
        Assert.SkipWhen(TorchSharp.torch.cuda.is_available(), "there is a GPU");
        var messages = new List<string>();
        void Try(Yue1QuantizationOptions options)
        {
            static void Refuse(long bytes) => throw new IOException("The disk is full.");
            var run = new Yue1Quantization(options, (_, _) => { }, messages.Add, Refuse, TestContext.Current.CancellationToken);
            Assert.Throws<IOException>(run.Run);
        }

        var options = QuantizedDemo.Options(_folder.Path, bits: 4, songs: 0);
        Try(options with { Device = "auto" });
        Try(options with { IsDemo = false });
        Assert.Empty(messages);
        Try(options with { Device = "auto", IsDemo = false });
        Assert.Equal(["No GPU can be used (run yue doctor to find out why), and the CPU takes many times as long."], messages);
    }

    /// <remarks>Otherwise, the estimate of the remaining time of a continued run would be far too short.</remarks>
    [Fact]
    public void Progress_counts_only_the_work_of_the_current_run()
    {
        var options = QuantizedDemo.Options(_folder.Path, bits: 4, songs: 0);
        List<double> Run(double until)
        {
            using var stop = new CancellationTokenSource();
            List<double> fractions = [];
            void Report(string step, double fraction)
            {
                fractions.Add(fraction);
                if (fraction > until)
                {
                    stop.Cancel();
                }
            }

            new Yue1Quantization(options, Report, _ => { }, _ => { }, stop.Token).Run();
            return fractions;
        }

        Assert.Throws<OperationCanceledException>(() => Run(until: 0.4));
        var rest = Run(until: 1);
        Assert.Equal((0, 1), (rest[0], Math.Round(rest[^1], 9)));
        Assert.Equal(rest.Order(), rest);
        Assert.InRange(rest.Zip(rest.Skip(1), (one, next) => next - one).Max(), 0.05, 0.3);
    }

    /// <summary>Returns the number of bytes to write, and writes nothing.</summary>
    private static long BytesToWrite(Yue1QuantizationOptions options)
    {
        long bytes = 0;
        Assert.Throws<IOException>(() => QuantizedDemo.Run(options, needed =>
        {
            bytes = needed;
            throw new IOException("The disk is full.");
        }));
        return bytes;
    }

    private static long SizeOf(Yue1QuantizationOptions options) => new[] { options.Stage1.Target, options.Stage2.Target }
        .SelectMany(folder => new DirectoryInfo(folder).EnumerateFiles()).Sum(file => file.Length);
}
