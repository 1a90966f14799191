using System.Runtime.InteropServices;
using TorchSharp;
using Yue.Cuda;
using Yue.Cuda.Compilation;
using Yue.Cuda.Decode;
using Yue.Engine.Scheduling;
using Yue.Engine.Weights;

namespace Yue.Engine.Residency;

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
        (Weights, WeightsName, Cache) = (TypeNamed(options.Weights), options.Weights, CacheTypeNamed(options.KeyValueCache));

        // TorchSharp has to have loaded CUDA's libraries before the compiler is looked for beside them.
        torch.InitializeDeviceType(DeviceType.CUDA);
        Device = CudaDevice.TryOpen(Math.Max(ordinal, 0), out var reason) ?? throw new NotSupportedException(reason);
        _kernels = new KernelCache(Path.Combine(options.CacheFolder, "kernels"));
        var allowed = (long)options.DeviceMemoryMegabytes << 20;
        UsableBytes = allowed > 0 ? Math.Min(allowed, Device.Memory.Free) : Device.Memory.Free;
        Upload = new DeviceUpload(Device);
        Quantizer = Weights is WeightType.BFloat16 or WeightType.Float32 ? null : new MatrixQuantizer(Device, _kernels, Weights);
    }

    public CudaDevice Device { get; }

    /// <summary>How the language models' matrices are held.</summary>
    public WeightType Weights { get; }

    /// <summary>The same as settings call it.</summary>
    public string WeightsName { get; }

    /// <summary>How keys and values are held.</summary>
    public CacheType Cache { get; }

    /// <summary>What the language models' files are read as, and prefilled in.</summary>
    public torch.ScalarType Dtype => Weights == WeightType.Float32 ? torch.ScalarType.Float32 : torch.ScalarType.BFloat16;

    /// <summary>Memory that may be planned for.</summary>
    public long UsableBytes { get; }

    /// <summary>Brings weights to the device.</summary>
    public DeviceUpload Upload { get; }

    /// <summary>Null where matrices stay as they are read.</summary>
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

    /// <summary>Gives back the memory that TorchSharp keeps for its next tensors: what is not TorchSharp's cannot use it.</summary>
    /// <remarks>The library has no call for it, but before it reports that memory ran out it gives back everything that it holds unused.</remarks>
    public void ReleaseUnused()
    {
        try
        {
            torch.empty([Device.Memory.Total], torch.ScalarType.Byte, torch.device(DeviceType.CUDA, Device.Ordinal)).Dispose();
        }
        catch (ExternalException)
        {
            // As meant: no device has more free memory than it has memory.
        }
    }

    public void Dispose()
    {
        Upload.Dispose();
        Quantizer?.Dispose();
        Device.Dispose();
    }

    private static CacheType CacheTypeNamed(string name) => name switch
    {
        "f32" => CacheType.Float32,
        "fp8" => CacheType.Float8,
        "bf16" => CacheType.BFloat16,
        _ => throw new NotSupportedException($"KeyValueCache is {name}; it must be {string.Join(", ", EngineOptions.CacheTypes)}"),
    };

    private static WeightType TypeNamed(string name) => name switch
    {
        "int8" => WeightType.Int8,
        "fp8" => WeightType.Float8,
        "f32" => WeightType.Float32,
        "bf16" => WeightType.BFloat16,
        _ => throw new NotSupportedException($"Weights is {name}; it must be {string.Join(", ", EngineOptions.WeightTypes)}"),
    };
}
