using System.Runtime.InteropServices;
using TorchSharp;
using Yue.Cuda;
using Yue.Cuda.Compilation;
using Yue.Cuda.Decode;
using Yue.Engine.Tensors.Native;
using Yue.Engine.Weights;

namespace Yue.Engine.Residency;

/// <summary>The GPU that runs the decoders: its compiled kernels, the types of weights and caches, and the upload of weights.</summary>
internal sealed class Gpu : IDisposable
{
    /// <summary>The memory that CUDA itself uses on a device. Plans include this memory, although it is no longer free once the device is
    /// open.</summary>
    private const long ContextBytes = 1L << 29;

    private static readonly Dictionary<string, WeightType> WeightNames = new()
    {
        ["bf16"] = WeightType.BFloat16,
        ["int8"] = WeightType.Int8,
        ["fp8"] = WeightType.Float8,
        ["int6"] = WeightType.Int6,
        ["int4"] = WeightType.Int4,
        ["f32"] = WeightType.Float32,
    };

    private readonly KernelCache _kernels;
    private readonly Dictionary<WeightType, MatrixQuantizer> _quantizers = [];
    private Task _compiling = Task.CompletedTask;

    /// <summary>Opens a GPU.</summary>
    /// <param name="ordinal">The GPU's index; a negative value selects the first GPU.</param>
    /// <param name="options">The settings of the device.</param>
    /// <exception cref="NotSupportedException">There is no such GPU, or the kernels do not run on it.</exception>
    public Gpu(int ordinal, IDeviceOptions options)
    {
        (Weights, WeightsName, Cache) = (TypeNamed(options.Weights), options.Weights, CacheTypeNamed(options.KeyValueCache));

        TorchAllocator.ExtendBlocks();

        // TorchSharp must load CUDA's libraries first, because the compiler is looked up in their folder.
        torch.InitializeDeviceType(DeviceType.CUDA);
        Device = CudaDevice.TryOpen(Math.Max(ordinal, 0), out var reason) ?? throw new NotSupportedException(reason);
        _kernels = new KernelCache(Path.Combine(options.CacheFolder, "kernels"));
        try
        {
            UsableBytes = Usable(options, Device.Memory.Free + ContextBytes);
            Upload = new DeviceUpload(Device);
        }
        catch
        {
            Device.Dispose();
            throw;
        }
    }

    public CudaDevice Device { get; }

    /// <summary>The type of the language models' matrices.</summary>
    public WeightType Weights { get; }

    /// <summary>The name of <see cref="Weights"/> in the settings.</summary>
    public string WeightsName { get; }

    /// <summary>The type of keys and values.</summary>
    public CacheType Cache { get; }

    /// <summary>The dtype in which the language models' files are read and prompts are computed.</summary>
    public torch.ScalarType Dtype => Weights == WeightType.Float32 ? torch.ScalarType.Float32 : torch.ScalarType.BFloat16;

    /// <summary>The memory that plans may use, including the memory that CUDA itself uses.</summary>
    public long UsableBytes { get; }

    /// <summary>Copies weights to the device.</summary>
    public DeviceUpload Upload { get; }

    /// <summary>Converts matrices to the type in the settings; null if they stay as they were read.</summary>
    public MatrixQuantizer? Quantizer => QuantizerOf(Weights);

    /// <summary>The kernels. Waits until those passed to <see cref="BeginCompiling"/> are compiled.</summary>
    public KernelCache Kernels
    {
        get
        {
            _compiling.GetAwaiter().GetResult();
            return _kernels;
        }
    }

    /// <summary>Returns the converter for a type; null for types that are not converted.</summary>
    public MatrixQuantizer? QuantizerOf(WeightType type)
    {
        if (type is WeightType.BFloat16 or WeightType.Float32)
        {
            return null;
        }

        if (!_quantizers.TryGetValue(type, out var quantizer))
        {
            _quantizers.Add(type, quantizer = new MatrixQuantizer(Device, _kernels, type));
        }

        return quantizer;
    }

    /// <summary>Starts compiling kernels on another thread while weights load.</summary>
    public void BeginCompiling(IReadOnlyList<KernelBuild> builds) =>
        _compiling = Task.Run(
            () => _kernels.Prepare(
                Device.ComputeCapability, builds.DistinctBy(build => $"{build.File} {string.Join(' ', build.Definitions)}")));

    /// <summary>Frees the memory that TorchSharp keeps for later tensors, so that other allocations can use it.</summary>
    /// <remarks>TorchSharp has no call for this. It frees its cache before it reports an out-of-memory error, so this method requests
    /// too much memory on purpose.</remarks>
    public void ReleaseUnused()
    {
        try
        {
            torch.empty([Device.Memory.Total], torch.ScalarType.Byte, torch.device(DeviceType.CUDA, Device.Ordinal)).Dispose();
        }
        catch (ExternalException)
        {
            // Expected: a device never has all its memory free.
        }
    }

    public void Dispose()
    {
        Upload.Dispose();
        foreach (var quantizer in _quantizers.Values)
        {
            quantizer.Dispose();
        }

        Device.Dispose();
    }

    /// <summary>Returns the part of the free memory that the settings allow.</summary>
    public static long Usable(IDeviceOptions options, long freeBytes) => options.DeviceMemoryMegabytes > 0
        ? Math.Min((long)options.DeviceMemoryMegabytes << 20, freeBytes)
        : freeBytes;

    /// <summary>Returns the type of keys and values for a name in the settings.</summary>
    public static CacheType CacheTypeNamed(string name) => name switch
    {
        "f32" => CacheType.Float32,
        "fp8" => CacheType.Float8,
        "bf16" => CacheType.BFloat16,
        _ => throw new NotSupportedException($"KeyValueCache is '{name}'; it must be bf16, fp8 or f32"),
    };

    /// <summary>Returns the name that the settings use for a type of matrices.</summary>
    public static string NameOf(WeightType type) => WeightNames.First(pair => pair.Value == type).Key;

    /// <summary>Returns the type of matrices for a name in the settings.</summary>
    public static WeightType TypeNamed(string name) => WeightNames.TryGetValue(name, out var type)
        ? type
        : throw new NotSupportedException($"Weights is '{name}'; it must be one of {string.Join(", ", WeightNames.Keys)}");
}
