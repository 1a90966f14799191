using Xunit;
using Yue.Cuda;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.Gpu;

/// <summary>The first GPU, with a kernel cache of its own; a test that needs one skips where there is none.</summary>
internal sealed class TestGpu : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("yue-kernels-").FullName;

    public TestGpu()
    {
        using var device = CudaDevice.TryOpen(0, out var reason);
        Assert.SkipUnless(device is not null, reason ?? "no GPU");
        Assert.SkipUnless(cuda.is_available(), "TorchSharp's CUDA libraries are not there");
    }

    /// <summary>The GPU as the engine opens it; the caller disposes it.</summary>
    /// <param name="weights"><c>bf16</c>, <c>int8</c> or <c>fp8</c>.</param>
    public Engine.Gpu Open(string weights) => new(0, new EngineOptions { CacheFolder = _folder, Weights = weights });

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
