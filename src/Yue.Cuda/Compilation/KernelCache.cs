using System.Security.Cryptography;
using System.Text;

namespace Yue.Cuda.Compilation;

/// <summary>Compiled kernels on disk, keyed by the content of the sources, the compiler's version and its options.</summary>
/// <param name="folder">The folder, created on the first write; it may be deleted at any time.</param>
public sealed class KernelCache(string folder)
{
    public string Folder { get; } = folder;

    /// <summary>Returns the compiled image of a kernel file. If it is not in the folder, compiles it and stores it there.</summary>
    public byte[] Get(string file, int architecture, IReadOnlyList<string> definitions)
    {
        var key = Key(file, KernelCompiler.OptionsFor(architecture, definitions));
        var path = Path.Combine(Folder, $"{Path.GetFileNameWithoutExtension(file)}-sm{architecture}-{key}.cubin");
        if (File.Exists(path))
        {
            return File.ReadAllBytes(path);
        }

        var image = KernelCompiler.Compile(file, architecture, definitions).Image;
        Directory.CreateDirectory(Folder);
        var unfinished = $"{path}.{Environment.ProcessId}.{Environment.CurrentManagedThreadId}.part";
        File.WriteAllBytes(unfinished, image);
        File.Move(unfinished, path, overwrite: true);
        return image;
    }

    /// <summary>Compiles the kernels that are not in the folder yet, in parallel.</summary>
    public void Prepare(int architecture, IEnumerable<KernelBuild> builds) =>
        Parallel.ForEach(builds, build => Get(build.File, architecture, build.Definitions));

    /// <summary>Loads a kernel file for a device, whose context must be current.</summary>
    public CudaModule Load(CudaDevice device, string file, params IReadOnlyList<string> definitions)
    {
        ArgumentNullException.ThrowIfNull(device);
        return CudaModule.Load(Get(file, device.ComputeCapability, definitions));
    }

    /// <summary>Returns a hash of the sources, the compiler's version and its options. It is part of the cached file's name.</summary>
    public static string Key(string file, IReadOnlyList<string> options)
    {
        ArgumentNullException.ThrowIfNull(options);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(KernelSource.Read(file));
        foreach (var (name, text) in KernelSource.Headers.OrderBy(header => header.Key, StringComparer.Ordinal))
        {
            hash.AppendData(Encoding.UTF8.GetBytes(name));
            hash.AppendData(text);
        }

        hash.AppendData(Encoding.UTF8.GetBytes($"{KernelCompiler.Version(out _)}|{string.Join('|', options)}"));
        return Convert.ToHexStringLower(hash.GetHashAndReset())[..20];
    }
}

/// <summary>A kernel file and the macros that it is built with.</summary>
public sealed record KernelBuild(string File, IReadOnlyList<string> Definitions);
