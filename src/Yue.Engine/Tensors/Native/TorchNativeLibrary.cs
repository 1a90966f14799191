using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Loader;
using System.Security.Cryptography;

namespace Yue.Engine.Tensors.Native;

/// <summary>Makes TorchSharp's native library load on systems whose libstdc++ is older than GCC 13's.</summary>
/// <remarks>
/// libLibTorchSharp.so needs symbol version GLIBCXX_3.4.32 for one initializer that nothing calls. On Debian 12 and
/// Ubuntu 22.04 the dynamic loader therefore rejects the file. If the ordinary load fails, a copy in which that one requirement is marked
/// weak (<see cref="ElfVersionNeeds"/>) is loaded instead. The package's file is not changed. If the ordinary load works, this class
/// does nothing.
/// </remarks>
public static class TorchNativeLibrary
{
    /// <summary>The error message if libtorch is not found.</summary>
    public const string NotFound =
        "libtorch was not found. This build uses an installed one, whose folders (such as PyTorch's torch/lib) must be in LD_LIBRARY_PATH.";

    private const string LibraryName = "LibTorchSharp";
    private const string FileName = "libLibTorchSharp.so";
    private const string TorchFileName = "libtorch_cpu.so";
    private const string MissingVersion = "GLIBCXX_3.4.32";

    private static int _registered;

    /// <summary>Registers the fallback with the default load context. A second call does nothing.</summary>
#pragma warning disable CA2255 // The hook must be in place before the first TorchSharp call, wherever that call is.
    [ModuleInitializer]
#pragma warning restore CA2255
    public static void Register()
    {
        if (OperatingSystem.IsLinux() && Interlocked.Exchange(ref _registered, 1) == 0)
        {
            AssemblyLoadContext.Default.ResolvingUnmanagedDll += (_, name) =>
                Path.GetFileNameWithoutExtension(name) is LibraryName or "lib" + LibraryName ? LoadWeakened() : IntPtr.Zero;
        }
    }

    /// <summary>Returns true if libtorch is in the program's folder or can be loaded from elsewhere, or if the system is not Linux. Without
    /// libtorch, TorchSharp prints pages of text.</summary>
    public static bool Exists() =>
        !OperatingSystem.IsLinux() || Find(TorchFileName) is not null || NativeLibrary.TryLoad(TorchFileName, out _);

    private static IntPtr LoadWeakened()
    {
        var original = Find(FileName);
        if (original is null)
        {
            return IntPtr.Zero;
        }

        // The copy is in another folder, so the libraries next to the original must be loaded first.
        var folder = Path.GetDirectoryName(original)!;
        foreach (var dependency in (string[])["libc10.so", TorchFileName, "libtorch.so"])
        {
            if (!NativeLibrary.TryLoad(Path.Combine(folder, dependency), out _))
            {
                NativeLibrary.TryLoad(dependency, out _);
            }
        }

        return NativeLibrary.TryLoad(WeakenedCopy(original), out var handle) ? handle : IntPtr.Zero;
    }

    private static string? Find(string file)
    {
        var searched = AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string ?? "";
        string[] folders =
        [
            .. searched.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries),
            AppContext.BaseDirectory,
            Path.Combine(AppContext.BaseDirectory, "runtimes", "linux-x64", "native"),
        ];
        return folders.Select(folder => Path.Combine(folder, file)).FirstOrDefault(File.Exists);
    }

    /// <summary>Returns the patched copy in the cache folder. It is written once and named by a hash of the original's content.</summary>
    private static string WeakenedCopy(string original)
    {
        var image = File.ReadAllBytes(original);
        var hash = Convert.ToHexStringLower(SHA256.HashData(image))[..16];
        var folder = Path.Combine(CacheFolder.Default, "native", hash);
        var copy = Path.Combine(folder, FileName);
        if (!File.Exists(copy))
        {
            ElfVersionNeeds.Weaken(image, MissingVersion);
            Directory.CreateDirectory(folder);
            var unfinished = $"{copy}.{Environment.ProcessId}.part";
            File.WriteAllBytes(unfinished, image);
            File.Move(unfinished, copy, overwrite: true);
        }

        return copy;
    }
}
