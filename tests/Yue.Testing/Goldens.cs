namespace Yue.Testing;

/// <summary>The folder of golden files: <c>YUE_GOLDENS</c>, or <c>shared/goldens</c> next to the repository.</summary>
public static class Goldens
{
    /// <summary>The trait value that selects golden tests: <c>--filter "Category=Goldens"</c>.</summary>
    public const string Category = "Goldens";

    private static readonly string? Found = Find("YUE_GOLDENS", "goldens");

    /// <summary>True if the folder exists.</summary>
    public static bool Exist => Directory.Exists(Found);

    public static string Folder =>
        Found ?? throw new DirectoryNotFoundException($"no YueService.sln above {AppContext.BaseDirectory}; set YUE_GOLDENS");

    public static string PathOf(params string[] parts) => Path.Combine([Folder, .. parts]);

    /// <summary>Returns the folder that an environment variable names, or the result of <see cref="Beside"/> if the variable is not
    /// set.</summary>
    internal static string? Find(string variable, string name) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } configured ? Path.GetFullPath(configured) : Beside(name);

    /// <summary>Returns <c>shared/NAME</c> next to the repository, or null outside a repository.</summary>
    internal static string? Beside(string name)
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "YueService.sln")))
            {
                return Path.GetFullPath(Path.Combine(folder.FullName, "..", "shared", name));
            }
        }

        return null;
    }
}
