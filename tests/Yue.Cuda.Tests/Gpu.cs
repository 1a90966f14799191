using Xunit;
using Yue.Cuda.Compilation;

namespace Yue.Cuda.Tests;

/// <summary>The device that the GPU tests share. The tests run one at a time.</summary>
public sealed class Gpu : IDisposable
{
    public const string Name = "Gpu";

    private readonly string _folder = Directory.CreateTempSubdirectory("yue-kernels").FullName;
    private readonly CudaDevice? _device;
    private readonly string? _reason;

    public Gpu()
    {
        _device = CudaDevice.TryOpen(0, out _reason);
        if (_device is not null && KernelCompiler.Version(out _reason) is null)
        {
            _device.Dispose();
            _device = null;
        }

        Kernels = new KernelCache(_folder);
    }

    public KernelCache Kernels { get; }

    /// <summary>Compiles builds of the step kernel in parallel. Does nothing if there is no device.</summary>
    public void Compile(IEnumerable<KernelBuild> builds)
    {
        if (_device is { } device)
        {
            Kernels.Prepare(device.ComputeCapability, builds);
        }
    }

    /// <summary>Returns the device with its context current on this thread. Skips the test if there is no device or no
    /// kernel compiler.</summary>
    public CudaDevice Require()
    {
        Assert.SkipWhen(_device is null, _reason ?? "");
        _device!.MakeCurrent();
        return _device;
    }

    public void Dispose()
    {
        _device?.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}

[CollectionDefinition(Gpu.Name, DisableParallelization = true)]
#pragma warning disable CA1711 // "Collection" is xUnit's term.
public sealed class GpuCollection : ICollectionFixture<Gpu>;
#pragma warning restore CA1711
