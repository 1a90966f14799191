namespace Yue.Engine.Audio;

/// <summary>Finds installed programs.</summary>
public static class ProgramPath
{
    /// <summary>Returns the path of a program in the folders of <c>PATH</c>; null if there is none.</summary>
    /// <param name="name">The name without an extension.</param>
    public static string? Find(string name)
    {
        var file = OperatingSystem.IsWindows() ? name + ".exe" : name;
        var folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(
            Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return folders.Select(folder => Path.Combine(folder, file)).FirstOrDefault(File.Exists);
    }
}
