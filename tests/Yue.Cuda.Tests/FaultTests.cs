using System.Diagnostics;
using Xunit;
using Yue.Cuda.Decode;

namespace Yue.Cuda.Tests;

/// <summary>Tests a device fault. The fault makes the CUDA context of its process unusable, so the test starts a second process, which runs
/// only the explicit test.</summary>
[Collection(Gpu.Name)]
[Trait("Category", Gpu.Name)]
public sealed class FaultTests(Gpu gpu)
{
    [Fact]
    public async Task An_illegal_address_is_reported_as_a_dead_context_in_a_separate_process()
    {
        gpu.Require();
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "Yue.Cuda.Tests"))
        {
            ArgumentList =
            {
                "-explicit", "only",
                "-method", $"{typeof(FaultTests).FullName}.{nameof(An_illegal_address_kills_the_context_of_this_process)}",
            },
            RedirectStandardOutput = true,
        };
        using var child = Process.Start(start)!;
        var output = await child.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await child.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(child.ExitCode == 0 && output.Contains("Total: 1", StringComparison.Ordinal), output);
    }

    [Fact(Explicit = true)]
    public void An_illegal_address_kills_the_context_of_this_process()
    {
        using var quantizer = new WeightQuantizer(gpu.Require(), gpu.Kernels);
        using var stream = CudaStream.Create();
        quantizer.Quantize(stream, 16, 32, 64, WeightType.Int8, 1, 8);
        var fault = Assert.Throws<CudaException>(stream.Synchronize);
        Assert.True(fault.IsContextDead, fault.Message);
        var next = Assert.Throws<CudaException>(() => DeviceMemory.Allocate(16));
        Assert.True(next.IsContextDead, next.Message);
    }
}
