using Yue.Cuda.Compilation;

namespace Yue.Cuda.Decode;

/// <summary>The benchmark's kernels: random weights and a plain read.</summary>
public sealed unsafe class BenchKernels : IDisposable
{
    private const int BlocksPerMultiprocessor = 8;
    private const int Threads = 512;

    private readonly CudaModule _module;
    private readonly CudaKernel _random;
    private readonly CudaKernel _value;
    private readonly CudaKernel _read;
    private readonly DeviceMemory _result = DeviceMemory.Allocate(256);
    private readonly int _blocks;

    public BenchKernels(CudaDevice device, KernelCache kernels)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(kernels);
        _module = kernels.Load(device, "bench.cu");
        _random = _module.Kernel("fill_random");
        _value = _module.Kernel("fill_value");
        _read = _module.Kernel("plain_read");
        _blocks = device.MultiprocessorCount * BlocksPerMultiprocessor;
    }

    /// <summary>Fills memory with random bf16 values between -scale and scale, or with random 8-bit values.</summary>
    public void Fill(CudaStream stream, nint address, long bytes, uint seed, float scale, WeightType type)
    {
        var (words, kind) = ((ulong)bytes / 4, (int)type);
        _random.Launch(
            stream, (_blocks, 1), Threads, 0, cooperative: false,
            [(nint)(&address), (nint)(&words), (nint)(&seed), (nint)(&scale), (nint)(&kind)]);
    }

    /// <summary>Fills memory with one float32 value.</summary>
    public void FillValue(CudaStream stream, nint address, long count, float value)
    {
        var total = (ulong)count;
        _value.Launch(stream, (_blocks, 1), Threads, 0, cooperative: false, [(nint)(&address), (nint)(&total), (nint)(&value)]);
    }

    /// <summary>Reads memory once without using the values.</summary>
    public void Read(CudaStream stream, nint address, long bytes)
    {
        var (pieces, result) = ((ulong)bytes / 16, _result.Address);
        _read.Launch(stream, (_blocks, 1), Threads, 0, cooperative: false, [(nint)(&address), (nint)(&pieces), (nint)(&result)]);
    }

    public void Dispose()
    {
        _result.Dispose();
        _module.Dispose();
    }
}
