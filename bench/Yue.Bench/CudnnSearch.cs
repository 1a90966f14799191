using System.Runtime.InteropServices;
using TorchSharp;

namespace Yue.Bench;

/// <summary>Controls cuDNN's search for the fastest algorithm of each convolution, which TorchSharp does not expose.</summary>
/// <remarks>For measurements only. It calls two functions of libtorch by their mangled names.</remarks>
internal static class CudnnSearch
{
    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate nint GlobalContext();

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate void SetBenchmark(nint context, [MarshalAs(UnmanagedType.I1)] bool value);

    /// <summary>Enables the search. Returns false if libtorch does not have the functions.</summary>
    public static bool TryEnable()
    {
        if (!NativeLibrary.TryLoad("libtorch_cpu.so", typeof(torch).Assembly, null, out var library)
            || !NativeLibrary.TryGetExport(library, "_ZN2at13globalContextEv", out var context)
            || !NativeLibrary.TryGetExport(library, "_ZN2at7Context17setBenchmarkCuDNNEb", out var benchmark))
        {
            return false;
        }

        Marshal.GetDelegateForFunctionPointer<SetBenchmark>(benchmark)(
            Marshal.GetDelegateForFunctionPointer<GlobalContext>(context)(), true);
        return true;
    }
}
