using System.Runtime.CompilerServices;

namespace Yue.Engine.Tensors.Native;

/// <summary>Makes libtorch's idle threads go to sleep quickly.</summary>
/// <remarks>
/// Between operations, OpenMP's threads wait in a busy loop for milliseconds. If another program needs the same cores, such loops
/// delay every operation, and a song takes ten times as long or more. A thousand iterations are enough to bridge the gap between
/// two operations; after that, a thread releases its core (figures in docs/performance-log.md). If <c>GOMP_SPINCOUNT</c> or
/// <c>OMP_WAIT_POLICY</c> is already set, nothing changes. GNU OpenMP reads these variables when libtorch is loaded.
/// </remarks>
internal static class TorchThreads
{
    private const string Turns = "1000";

    /// <summary>Limits the time that idle threads spin. Runs before the first TorchSharp call.</summary>
#pragma warning disable CA2255 // As in TorchNativeLibrary: it must run before the first TorchSharp call, wherever that is.
    [ModuleInitializer]
#pragma warning restore CA2255
    internal static void ShortenWaiting()
    {
        if (Environment.GetEnvironmentVariable("OMP_WAIT_POLICY") is null)
        {
            NativeEnvironment.SetDefault("GOMP_SPINCOUNT", Turns);
        }
    }
}
