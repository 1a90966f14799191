using System.Reflection;
using System.Text;

namespace Yue.Cuda.Compilation;

/// <summary>The kernel files, embedded in this assembly.</summary>
public static class KernelSource
{
    private static readonly Assembly Home = typeof(KernelSource).Assembly;

    /// <summary>The headers by name. Every kernel can include every header.</summary>
    public static IReadOnlyDictionary<string, byte[]> Headers { get; } =
        Names(".cuh").ToDictionary(name => name, Read, StringComparer.Ordinal);

    /// <summary>The names of the kernel files.</summary>
    public static IReadOnlyList<string> Kernels { get; } = [.. Names(".cu").Order(StringComparer.Ordinal)];

    /// <summary>Returns the text of a file, in UTF-8 with a terminating zero.</summary>
    public static byte[] Read(string name)
    {
        using var stream = Home.GetManifestResourceStream(name)
            ?? throw new ArgumentException($"there is no kernel file {name}", nameof(name));
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return Encoding.UTF8.GetBytes(reader.ReadToEnd() + '\0');
    }

    private static IEnumerable<string> Names(string extension) =>
        Home.GetManifestResourceNames().Where(name => name.EndsWith(extension, StringComparison.Ordinal));
}
