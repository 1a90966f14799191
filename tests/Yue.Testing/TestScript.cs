using System.Runtime.Versioning;

namespace Yue.Testing;

/// <summary>Shell scripts that take the place of programs.</summary>
[UnsupportedOSPlatform("windows")]
public static class TestScript
{
    /// <summary>A command that never ends and whose command line contains the script's path.</summary>
    public const string Hang = "exec tail -f \"$0\"";

    /// <summary>Writes an executable script.</summary>
    public static void Write(string path, string body)
    {
        File.WriteAllText(path, $"#!/bin/sh\n{body}\n");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    /// <summary>Returns true if the command line of any process contains the path of a file in the folder. Reads <c>/proc</c>, which
    /// exists only on Linux.</summary>
    public static bool IsRunningIn(string folder) => Directory.GetDirectories("/proc").Any(process =>
    {
        try
        {
            return File.ReadAllText(Path.Combine(process, "cmdline")).Contains(folder, StringComparison.Ordinal);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Not a process, or one that has ended.
            return false;
        }
    });
}
