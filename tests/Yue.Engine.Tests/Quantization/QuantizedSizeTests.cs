using Xunit;
using Yue.Engine.Families.Yue1.Calibration;
using Yue.Engine.Tests.Weights;
using Yue.Engine.Weights;

namespace Yue.Engine.Tests.Quantization;

/// <summary>Tests the size of quantized checkpoints, which is known before anything is written.</summary>
public sealed class QuantizedSizeTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_bytes_to_write_are_those_of_the_files_that_are_missing()
    {
        var options = QuantizedDemo.Options(_folder.Root, bits: 6, songs: 0);
        var six = BytesToWrite(options);
        QuantizedDemo.Run(options);
        Assert.InRange(SizeOf(options), six, 1.01 * six);       // with headers and small files
        QuantizedDemo.Run(options, _ => Assert.Fail("there is nothing to write"));

        // Files of other options are kept until those that replace them are complete, but not if they are not complete themselves.
        var other = options with { Bits = 4 };
        var four = BytesToWrite(other);
        Assert.InRange(four, 0.7 * six, 0.9 * six);
        Assert.Equal(6, QuantizationRecord.TryRead(other.Stage1.Target)!.Bits);
        Directory.Move(options.Stage1.Target, options.Stage1.Target + ".part");
        Assert.InRange(BytesToWrite(other), 0.4 * four, 0.6 * four);
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
