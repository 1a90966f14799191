using System.Runtime.CompilerServices;
using Microsoft.Win32.SafeHandles;
using static Yue.Cuda.CudaException;

namespace Yue.Cuda;

/// <summary>A block of device memory, freed on dispose.</summary>
public sealed class DeviceMemory : SafeHandleZeroOrMinusOneIsInvalid
{
    private DeviceMemory(nint pointer, long bytes)
        : base(ownsHandle: true)
    {
        SetHandle(pointer);
        Bytes = bytes;
    }

    public long Bytes { get; }

    /// <summary>The device address.</summary>
    public nint Address => handle;

    /// <summary>Allocates memory; throws a <see cref="CudaException"/> if there is not enough.</summary>
    public static DeviceMemory Allocate(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bytes);
        Check(Driver.cuMemAlloc(out var pointer, (nuint)bytes));
        return new DeviceMemory(pointer, bytes);
    }

    public void Fill(byte value, CudaStream stream) => Check(Driver.cuMemsetD8Async(handle, value, (nuint)Bytes, stream));

    protected override bool ReleaseHandle() => Driver.cuMemFree(handle) == 0;
}

/// <summary>Host memory that the device can read and write at the same address.</summary>
public sealed unsafe class PinnedMemory : SafeHandleZeroOrMinusOneIsInvalid
{
    private const uint PortableAndMapped = 3;

    private PinnedMemory(nint pointer, long bytes)
        : base(ownsHandle: true)
    {
        SetHandle(pointer);
        Bytes = bytes;
    }

    public long Bytes { get; }

    public nint Address => handle;

    public static PinnedMemory Allocate(long bytes)
    {
        Check(Driver.cuMemHostAlloc(out var pointer, (nuint)bytes, PortableAndMapped));
        var memory = new PinnedMemory(pointer, bytes);
        new Span<byte>((void*)pointer, checked((int)bytes)).Clear();
        return memory;
    }

    /// <summary>Returns the memory as a span of values. The span is valid until the memory is disposed.</summary>
    public Span<T> AsSpan<T>()
        where T : unmanaged => new((void*)handle, checked((int)(Bytes / sizeof(T))));

    protected override bool ReleaseHandle() => Driver.cuMemFreeHost(handle) == 0;
}

/// <summary>Copies between host and device, and within the device.</summary>
public static unsafe class CudaCopy
{
    /// <summary>Copies to the device. The source may be changed once this returns (pageable memory is staged by the driver).</summary>
    public static void ToDevice<T>(nint destination, ReadOnlySpan<T> source, CudaStream stream)
        where T : unmanaged
    {
        fixed (T* p = source)
        {
            Check(Driver.cuMemcpyHtoDAsync(destination, p, (nuint)source.Length * (nuint)sizeof(T), stream));
        }
    }

    /// <summary>Copies within the device, between ranges that do not overlap.</summary>
    public static void OnDevice(nint destination, nint source, long bytes, CudaStream stream) =>
        Check(Driver.cuMemcpyDtoDAsync(destination, source, (nuint)bytes, stream));

    /// <summary>Copies to the host and waits.</summary>
    public static T[] ToHost<T>(nint source, int count, CudaStream stream)
        where T : unmanaged
    {
        var values = new T[count];
        fixed (T* p = values)
        {
            Check(Driver.cuMemcpyDtoHAsync(p, source, (nuint)count * (nuint)Unsafe.SizeOf<T>(), stream));
            stream.Synchronize();
        }

        return values;
    }
}
