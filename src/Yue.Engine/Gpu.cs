using TorchSharp;
using Yue.Cuda;
using Yue.Cuda.Compilation;
using Yue.Cuda.Decode;
using Yue.Engine.Llama;

namespace Yue.Engine;

/// <summary>The GPU that decodes: its compiled kernels, how it holds weights, and what brings them to it.</summary>
internal sealed class Gpu : IDisposable
{
    private readonly KernelCache _kernels;
    private Task _compiling = Task.CompletedTask;

    /// <summary>Opens a GPU.</summary>
    /// <param name="ordinal">Which one; below 0 is the first.</param>
    /// <param name="options">The engine's settings.</param>
    /// <exception cref="NotSupportedException">There is none that the kernels run on.</exception>
    public Gpu(int ordinal, EngineOptions options)
    {
        // TorchSharp has to have loaded CUDA's libraries before the compiler is looked for beside them.
        torch.InitializeDeviceType(DeviceType.CUDA);
        Device = CudaDevice.TryOpen(Math.Max(ordinal, 0), out var reason) ?? throw new NotSupportedException(reason);
        _kernels = new KernelCache(Path.Combine(options.CacheFolder, "kernels"));
        (Weights, WeightsName) = (TypeNamed(options.Weights), options.Weights);
        var allowed = (long)options.DeviceMemoryGigabytes << 30;
        UsableBytes = allowed > 0 ? Math.Min(allowed, Device.Memory.Free) : Device.Memory.Free;
        Upload = new DeviceUpload(Device);
        Quantizer = Weights == WeightType.BFloat16 ? null : new MatrixQuantizer(Device, _kernels, Weights);
    }

    public CudaDevice Device { get; }

    /// <summary>How the language models' matrices are held.</summary>
    public WeightType Weights { get; }

    /// <summary>The same as settings call it.</summary>
    public string WeightsName { get; }

    /// <summary>Memory that may be planned for.</summary>
    public long UsableBytes { get; }

    /// <summary>Null once everything is loaded: its buffers are pinned memory.</summary>
    public DeviceUpload? Upload { get; private set; }

    /// <summary>Null where matrices stay BF16.</summary>
    public MatrixQuantizer? Quantizer { get; }

    /// <summary>The kernels, once those that were begun are compiled.</summary>
    public KernelCache Kernels
    {
        get
        {
            _compiling.GetAwaiter().GetResult();
            return _kernels;
        }
    }

    /// <summary>Compiles beside the loading of the weights.</summary>
    public void BeginCompiling(IReadOnlyList<KernelBuild> builds) =>
        _compiling = Task.Run(() => _kernels.Prepare(Device.ComputeCapability, builds.DistinctBy(build => string.Join(' ', build.Definitions))));

    public void EndLoading()
    {
        Upload?.Dispose();
        Upload = null;
    }

    public void Dispose()
    {
        EndLoading();
        Quantizer?.Dispose();
        Device.Dispose();
    }

    private static WeightType TypeNamed(string name) => name switch
    {
        "int8" => WeightType.Int8,
        "fp8" => WeightType.Float8,
        "bf16" => WeightType.BFloat16,
        _ => throw new NotSupportedException($"Weights is {name}; it must be {string.Join(", ", EngineOptions.WeightTypes)}"),
    };
}
