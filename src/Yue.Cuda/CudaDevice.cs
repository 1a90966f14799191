using System.Runtime.InteropServices;
using static Yue.Cuda.CudaException;

namespace Yue.Cuda;

/// <summary>One GPU and its primary context, which TorchSharp shares.</summary>
/// <remarks>
/// Thread-safe. A thread must call <see cref="MakeCurrent"/> before it uses objects of the device. Objects of the device must be disposed
/// before the device.
/// </remarks>
public sealed class CudaDevice : IDisposable
{
    /// <summary>The minimum compute capability of the kernels, which need bf16 tensor cores and asynchronous copies.</summary>
    public const int MinComputeCapability = 80;

    private readonly int _device;
    private readonly nint _context;
    private int _disposed;

    private CudaDevice(int ordinal, int device)
    {
        Ordinal = ordinal;
        _device = device;
        Name = ReadName(device);
        ComputeCapability = (Attribute(Driver.AttributeComputeCapabilityMajor) * 10) + Attribute(Driver.AttributeComputeCapabilityMinor);
        MultiprocessorCount = Attribute(Driver.AttributeMultiprocessorCount);
        SharedMemoryPerBlock = Attribute(Driver.AttributeMaxSharedMemoryPerBlockOptin);
        Check(Driver.cuDevicePrimaryCtxRetain(out _context, device));
        MakeCurrent();
    }

    public int Ordinal { get; }

    public string Name { get; }

    /// <summary>The compute capability, major times ten plus minor: 90 is an H100.</summary>
    public int ComputeCapability { get; }

    public int MultiprocessorCount { get; }

    /// <summary>The maximum shared memory of a block, in bytes.</summary>
    public int SharedMemoryPerBlock { get; }

    /// <summary>Free and total device memory in bytes.</summary>
    public (long Free, long Total) Memory
    {
        get
        {
            MakeCurrent();
            Check(Driver.cuMemGetInfo(out var free, out var total));
            return ((long)free, (long)total);
        }
    }

    /// <summary>Returns the number of GPUs, and the reason if there are none.</summary>
    public static int Count(out string? reason)
    {
        reason = null;
        if (!NativeLibraries.HasDriver)
        {
            reason = "no NVIDIA driver: libcuda.so.1 was not found";
            return 0;
        }

        var result = Driver.cuInit(0);
        if (result != 0)
        {
            reason = $"the NVIDIA driver found no usable device (cuInit returned {result})";
            return 0;
        }

        Check(Driver.cuDeviceGetCount(out var count));
        reason = count == 0 ? "the NVIDIA driver reports no device" : null;
        return count;
    }

    /// <summary>Opens a GPU, or returns null with the reason why it cannot be used.</summary>
    public static CudaDevice? TryOpen(int ordinal, out string? reason)
    {
        var count = Count(out reason);
        if (count == 0)
        {
            return null;
        }

        if (ordinal < 0 || ordinal >= count)
        {
            reason = $"there is no device {ordinal}; the highest device number is {count - 1}";
            return null;
        }

        Check(Driver.cuDeviceGet(out var device, ordinal));
        Check(Driver.cuDeviceGetAttribute(out var major, Driver.AttributeComputeCapabilityMajor, device));
        Check(Driver.cuDeviceGetAttribute(out var minor, Driver.AttributeComputeCapabilityMinor, device));
        reason = UnsupportedReason(ReadName(device), (major * 10) + minor);
        return reason is null ? new CudaDevice(ordinal, device) : null;
    }

    /// <summary>Returns the reason why a device cannot be used; null if it can.</summary>
    /// <param name="name">The device's name.</param>
    /// <param name="computeCapability">Its compute capability, times ten.</param>
    public static string? UnsupportedReason(string name, int computeCapability) => computeCapability < MinComputeCapability
        ? $"{name} has compute capability {computeCapability / 10}.{computeCapability % 10}; 8.0 (Ampere) or newer is required"
        : null;

    /// <summary>Makes the device's primary context current on the calling thread.</summary>
    public void MakeCurrent() => Check(Driver.cuCtxSetCurrent(_context));

    /// <summary>Waits for all work of the context, including TorchSharp's.</summary>
    public void Synchronize()
    {
        MakeCurrent();
        Check(Driver.cuCtxSynchronize());
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            _ = Driver.cuDevicePrimaryCtxRelease(_device);
        }
    }

    private static unsafe string ReadName(int device)
    {
        var name = stackalloc byte[256];
        Check(Driver.cuDeviceGetName(name, 256, device));
        return Marshal.PtrToStringUTF8((nint)name) ?? "";
    }

    private int Attribute(int attribute)
    {
        Check(Driver.cuDeviceGetAttribute(out var value, attribute, _device));
        return value;
    }
}
