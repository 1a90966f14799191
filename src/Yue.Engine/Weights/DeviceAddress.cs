using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace Yue.Engine.Weights;

/// <summary>Extension methods that return the address of a tensor's values.</summary>
internal static class DeviceAddress
{
    // TorchSharp returns the address only for some dtypes, and the address of a copy for others. Its native library supports all dtypes.
    private static readonly Lazy<DataPointer> DataOf = new(() => Marshal.GetDelegateForFunctionPointer<DataPointer>(
        NativeLibrary.GetExport(NativeLibrary.Load("LibTorchSharp", typeof(Tensor).Assembly, null), "THSTensor_data")));

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate nint DataPointer(nint tensor);

    /// <summary>Returns the address of a contiguous tensor's first value, on the tensor's device.</summary>
    public static nint Address(this Tensor tensor) => tensor.is_contiguous()
        ? AddressOfFirst(tensor)
        : throw new ArgumentException("a contiguous tensor is expected", nameof(tensor));

    /// <summary>Returns the address of a tensor's first value, on the tensor's device. The tensor need not be contiguous.</summary>
    public static nint AddressOfFirst(this Tensor tensor)
    {
        var address = DataOf.Value(tensor.Handle);
        GC.KeepAlive(tensor);
        return address;
    }
}
