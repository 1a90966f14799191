using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace Yue.Engine.Weights;

/// <summary>Where a tensor's values lie.</summary>
internal static class DeviceAddress
{
    // TorchSharp shows the address of some dtypes only, and of a copy where the dtype is another: its library has it for all.
    private static readonly Lazy<DataPointer> DataOf = new(() => Marshal.GetDelegateForFunctionPointer<DataPointer>(
        NativeLibrary.GetExport(NativeLibrary.Load("LibTorchSharp", typeof(Tensor).Assembly, null), "THSTensor_data")));

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate nint DataPointer(nint tensor);

    /// <summary>The address, on the tensor's device, of the first value of a contiguous tensor.</summary>
    public static nint Address(this Tensor tensor) => tensor.is_contiguous()
        ? AddressOfFirst(tensor)
        : throw new ArgumentException("a contiguous tensor is expected", nameof(tensor));

    /// <summary>The address, on the tensor's device, of the first value.</summary>
    public static nint AddressOfFirst(this Tensor tensor)
    {
        var address = DataOf.Value(tensor.Handle);
        GC.KeepAlive(tensor);
        return address;
    }
}
