using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;

namespace Yue.Cuda.Compilation;

/// <summary>A kernel did not compile, or there is no compiler.</summary>
public sealed class KernelCompilationException(string message) : Exception(message);

/// <summary>The resource usage of a compiled kernel, from the assembler's report.</summary>
public sealed record KernelResources(string Kernel, int Registers, int SpillBytes);

/// <summary>A compiled image and the compiler's report.</summary>
public sealed record CompiledKernels(byte[] Image, string Log, IReadOnlyList<KernelResources> Resources);

/// <summary>Compiles kernel files with NVRTC. Needs no GPU.</summary>
public static unsafe partial class KernelCompiler
{
    /// <summary>Returns the compiler's version, or null with the reason why there is no compiler.</summary>
    public static string? Version(out string? reason)
    {
        if (!NativeLibraries.HasNvrtc)
        {
            reason =
                "no run-time compiler: libnvrtc.so.13, .12 or .11.2 was not found next to libtorch, on the system or in LD_LIBRARY_PATH";
            return null;
        }

        reason = null;
        Check(Nvrtc.nvrtcVersion(out var major, out var minor), "nvrtcVersion", "");
        return $"{major}.{minor}";
    }

    /// <summary>Returns the compiler's options. They are the same for all kernel files.</summary>
    /// <param name="architecture">Compute capability times ten.</param>
    /// <param name="definitions">Macros, as <c>NAME=VALUE</c>.</param>
    public static IReadOnlyList<string> OptionsFor(int architecture, IReadOnlyList<string> definitions)
    {
        ArgumentNullException.ThrowIfNull(definitions);
        return
        [
            $"-arch={Target(architecture)}", "--std=c++17", "-default-device", "-lineinfo", "--ptxas-options=-v",

            // No fused multiply-adds: the compiler could place them differently in each build, and a row must have the same bits in all
            // builds.
            "--fmad=false",
            .. definitions.Select(definition => "-D" + definition),
        ];
    }

    /// <summary>Compiles one embedded kernel file for one architecture, with warnings as errors.</summary>
    /// <param name="file">The file's name, such as <c>step.cu</c>.</param>
    /// <param name="architecture">Compute capability times ten.</param>
    /// <param name="definitions">Macros, as <c>NAME=VALUE</c>.</param>
    public static CompiledKernels Compile(string file, int architecture, IReadOnlyList<string> definitions)
    {
        if (Version(out var reason) is null)
        {
            throw new KernelCompilationException(reason!);
        }

        var headers = KernelSource.Headers.ToArray();
        var options = OptionsFor(architecture, definitions);
        using var strings = new NativeStrings();
        var sources = stackalloc byte*[headers.Length];
        var names = stackalloc byte*[headers.Length];
        for (var i = 0; i < headers.Length; i++)
        {
            sources[i] = strings.Add(headers[i].Value);
            names[i] = strings.Add(headers[i].Key);
        }

        var optionTexts = stackalloc byte*[options.Count];
        for (var i = 0; i < options.Count; i++)
        {
            optionTexts[i] = strings.Add(options[i]);
        }

        Check(
            Nvrtc.nvrtcCreateProgram(
                out var program, strings.Add(KernelSource.Read(file)), strings.Add(file), headers.Length, sources, names),
            "nvrtcCreateProgram", file);
        try
        {
            var result = Nvrtc.nvrtcCompileProgram(program, options.Count, optionTexts);
            var log = Log(program);
            if (result != 0)
            {
                throw new KernelCompilationException(
                    $"{file} does not compile for sm_{architecture} ({string.Join(' ', definitions)}): {log}");
            }

            if (Warning().IsMatch(log))
            {
                throw new KernelCompilationException($"{file} for sm_{architecture} compiles with warnings: {log}");
            }

            Check(Nvrtc.nvrtcGetCUBINSize(program, out var size), "nvrtcGetCUBINSize", file);
            var image = new byte[size];
            fixed (byte* p = image)
            {
                Check(Nvrtc.nvrtcGetCUBIN(program, p), "nvrtcGetCUBIN", file);
            }

            return new CompiledKernels(image, log, ReadResources(log));
        }
        finally
        {
            _ = Nvrtc.nvrtcDestroyProgram(ref program);
        }
    }

    /// <summary>Returns the compiler's name for an architecture. For 9.0, it is the name of the target with architecture-specific
    /// instructions, if the compiler supports that target.</summary>
    private static string Target(int architecture) =>
        architecture == 90 && Version(out _) is { } version && System.Version.Parse(version).Major >= 12
            ? "sm_90a"
            : $"sm_{architecture}";

    private static KernelResources[] ReadResources(string log) =>
        [.. Report().Matches(log).Select(match => new KernelResources(
            match.Groups[1].Value,
            int.Parse(match.Groups[3].ValueSpan, System.Globalization.CultureInfo.InvariantCulture),
            int.Parse(match.Groups[2].ValueSpan, System.Globalization.CultureInfo.InvariantCulture)))];

    private static string Log(nint program)
    {
        Check(Nvrtc.nvrtcGetProgramLogSize(program, out var size), "nvrtcGetProgramLogSize", "");
        var log = new byte[Math.Max(size, 1)];
        fixed (byte* p = log)
        {
            Check(Nvrtc.nvrtcGetProgramLog(program, p), "nvrtcGetProgramLog", "");
        }

        return Encoding.UTF8.GetString(log).TrimEnd('\0');
    }

    private static void Check(int result, string call, string file)
    {
        if (result != 0)
        {
            throw new KernelCompilationException($"{call} {file}: {Marshal.PtrToStringUTF8((nint)Nvrtc.nvrtcGetErrorString(result))}");
        }
    }

    [GeneratedRegex(@"\bwarning\b", RegexOptions.IgnoreCase)]
    private static partial Regex Warning();

    [GeneratedRegex(
        @"Function properties for (\w+).*?stack frame, (\d+) bytes spill stores.*?Used (\d+) registers", RegexOptions.Singleline)]
    private static partial Regex Report();

    /// <summary>Zero-terminated copies that live for the duration of a call.</summary>
    private sealed class NativeStrings : IDisposable
    {
        private readonly List<nint> _allocated = [];

        public byte* Add(string text) => Add(Encoding.UTF8.GetBytes(text + '\0'));

        public byte* Add(byte[] terminated)
        {
            var copy = Marshal.AllocHGlobal(terminated.Length);
            Marshal.Copy(terminated, 0, copy, terminated.Length);
            _allocated.Add(copy);
            return (byte*)copy;
        }

        public void Dispose() => _allocated.ForEach(Marshal.FreeHGlobal);
    }
}
