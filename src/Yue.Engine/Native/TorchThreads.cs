using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Yue.Engine.Native;

/// <summary>Lets libtorch's idle threads sleep.</summary>
/// <remarks>
/// OpenMP's threads wait for work in a loop that keeps a core busy. Alone on a machine that is a little faster; where another
/// program wants the same cores, every operation waits for the loops, and a song can take thirty times as long
/// (docs/performance.md). <c>OMP_WAIT_POLICY=PASSIVE</c> makes them sleep; a value that the environment has already stays.
/// OpenMP reads it when libtorch is loaded, from the process's own environment, which .NET only copies.
/// </remarks>
internal static partial class TorchThreads
{
    /// <summary>Sets the policy before the first TorchSharp call.</summary>
#pragma warning disable CA2255 // As in TorchNativeLibrary: wherever the first TorchSharp call is.
    [ModuleInitializer]
#pragma warning restore CA2255
    internal static void WaitAsleep()
    {
        if (OperatingSystem.IsLinux())
        {
            _ = SetVariable("OMP_WAIT_POLICY", "PASSIVE", overwrite: 0);
        }
    }

    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetVariable(string name, string value, int overwrite);
}
