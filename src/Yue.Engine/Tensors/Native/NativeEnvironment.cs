using System.Runtime.InteropServices;

namespace Yue.Engine.Tensors.Native;

/// <summary>The environment variables that native libraries read. .NET changes only its own copy of them.</summary>
internal static partial class NativeEnvironment
{
    /// <summary>Sets a variable unless it has a value. Does nothing on systems other than Linux.</summary>
    public static void SetDefault(string name, string value)
    {
        if (OperatingSystem.IsLinux())
        {
            _ = SetVariable(name, value, overwrite: 0);
        }
    }

    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetVariable(string name, string value, int overwrite);
}
