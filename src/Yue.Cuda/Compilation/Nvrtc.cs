using System.Runtime.InteropServices;

namespace Yue.Cuda.Compilation;

/// <summary>The NVRTC functions that are used here. Every call returns an nvrtcResult; 0 is success.</summary>
internal static unsafe partial class Nvrtc
{
    [LibraryImport(NativeLibraries.Nvrtc)]
    internal static partial int nvrtcVersion(out int major, out int minor);

    [LibraryImport(NativeLibraries.Nvrtc)]
    internal static partial int nvrtcCreateProgram(
        out nint program, byte* source, byte* name, int headerCount, byte** headers, byte** headerNames);

    [LibraryImport(NativeLibraries.Nvrtc)]
    internal static partial int nvrtcDestroyProgram(ref nint program);

    [LibraryImport(NativeLibraries.Nvrtc)]
    internal static partial int nvrtcCompileProgram(nint program, int optionCount, byte** options);

    [LibraryImport(NativeLibraries.Nvrtc)]
    internal static partial int nvrtcGetProgramLogSize(nint program, out nuint size);

    [LibraryImport(NativeLibraries.Nvrtc)]
    internal static partial int nvrtcGetProgramLog(nint program, byte* log);

    [LibraryImport(NativeLibraries.Nvrtc)]
    internal static partial int nvrtcGetCUBINSize(nint program, out nuint size);

    [LibraryImport(NativeLibraries.Nvrtc)]
    internal static partial int nvrtcGetCUBIN(nint program, byte* image);

    [LibraryImport(NativeLibraries.Nvrtc)]
    internal static partial byte* nvrtcGetErrorString(int result);
}
