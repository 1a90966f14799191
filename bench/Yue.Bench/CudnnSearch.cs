using System.Runtime.InteropServices;
using TorchSharp;

namespace Yue.Bench;

/// <summary>The search of cuDNN for the fastest algorithm of each convolution, which TorchSharp has no call for.</summary>
/// <remarks>For measuring only: it calls two functions of libtorch by their mangled names.</remarks>
internal static class CudnnSearch
{
    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate nint GlobalContext();

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate void SetBenchmark(nint context, [MarshalAs(UnmanagedType.I1)] bool value);

    /// <summary>Turns the search on; false if libtorch does not have the functions.</summary>
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
