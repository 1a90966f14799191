namespace Yue.Engine.Tensors.Native;

/// <summary>The folder for files that can be regenerated: compiled kernels and the patched native library.</summary>
public static class CacheFolder
{
    /// <summary>The path: <c>$YUE_CACHE</c>, otherwise <c>$XDG_CACHE_HOME/yue</c>, otherwise <c>~/.cache/yue</c>.</summary>
    public static string Default { get; } =
        NonEmpty("YUE_CACHE")
        ?? Path.Combine(
            NonEmpty("XDG_CACHE_HOME") ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache"),
            "yue");

    private static string? NonEmpty(string variable) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } value ? value : null;
}
