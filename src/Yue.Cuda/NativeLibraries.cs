using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Yue.Cuda;

/// <summary>Finds the driver and the run-time compiler, which come from the system or with libtorch.</summary>
internal static class NativeLibraries
{
    internal const string Driver = "yue-cuda-driver";
    internal const string Nvrtc = "yue-nvrtc";

    private static readonly string[] NvrtcNames = ["libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11.2", "libnvrtc.so"];
    private static readonly Lazy<IntPtr> DriverHandle = new(
        () => NativeLibrary.TryLoad("libcuda.so.1", out var handle) ? handle : IntPtr.Zero);
    private static readonly Lazy<IntPtr> NvrtcHandle = new(FindNvrtc);

    internal static bool HasDriver => DriverHandle.Value != IntPtr.Zero;

    internal static bool HasNvrtc => NvrtcHandle.Value != IntPtr.Zero;

#pragma warning disable CA2255 // Only this resolver understands the names above, so it is registered when the assembly loads.
    [ModuleInitializer]
#pragma warning restore CA2255
    internal static void Register() => NativeLibrary.SetDllImportResolver(typeof(NativeLibraries).Assembly, (name, _, _) => name switch
    {
        Driver => DriverHandle.Value,
        Nvrtc => NvrtcHandle.Value,
        _ => IntPtr.Zero,
    });

    /// <summary>Searches the libtorch folder first (its NVRTC matches libtorch's CUDA version), then the system and LD_LIBRARY_PATH, then
    /// the toolkit.</summary>
    private static IntPtr FindNvrtc()
    {
        var searched = AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string ?? "";
        string[] own =
        [
            .. searched.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries),
            Path.Combine(AppContext.BaseDirectory, "runtimes", "linux-x64", "native"),
        ];
        var candidates = own.Where(Directory.Exists)
            .SelectMany(folder => Directory.EnumerateFiles(folder, "libnvrtc*.so*"))
            .Where(file => !file.Contains("builtins", StringComparison.Ordinal))
            .Concat(NvrtcNames)
            .Concat(NvrtcNames.Select(name => Path.Combine("/usr/local/cuda/lib64", name)));
        foreach (var candidate in candidates)
        {
            if (NativeLibrary.TryLoad(candidate, out var handle))
            {
                return handle;
            }
        }

        return IntPtr.Zero;
    }
}
