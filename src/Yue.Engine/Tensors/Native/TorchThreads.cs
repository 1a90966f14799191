using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Yue.Engine.Tensors.Native;

/// <summary>Lets libtorch's idle threads sleep soon.</summary>
/// <remarks>
/// OpenMP's threads wait for the next operation in a loop that keeps a core busy, for milliseconds. Where another program wants the
/// same cores every operation waits for such loops, and a song takes ten times as long and more. A thousand turns bridge the gap
/// between two operations and give the core back after that (figures in docs/performance-log.md). What the environment says already,
/// <c>GOMP_SPINCOUNT</c> or <c>OMP_WAIT_POLICY</c>, stays. GNU OpenMP reads it when libtorch is loaded, from the process's own
/// environment, which .NET only copies.
/// </remarks>
internal static partial class TorchThreads
{
    private const string Turns = "1000";

    /// <summary>Sets how long they wait, before the first TorchSharp call.</summary>
#pragma warning disable CA2255 // As in TorchNativeLibrary: wherever the first TorchSharp call is.
    [ModuleInitializer]
#pragma warning restore CA2255
    internal static void ShortenWaiting()
    {
        if (OperatingSystem.IsLinux() && Environment.GetEnvironmentVariable("OMP_WAIT_POLICY") is null)
        {
            _ = SetVariable("GOMP_SPINCOUNT", Turns, overwrite: 0);
        }
    }

    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetVariable(string name, string value, int overwrite);
}
