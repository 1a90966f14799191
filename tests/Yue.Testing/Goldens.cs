namespace Yue.Testing;

/// <summary>The folder of golden files: <c>YUE_GOLDENS</c>, else <c>shared/goldens</c> beside the repository.</summary>
public static class Goldens
{
    /// <summary>The trait value that selects golden tests: <c>--filter "Category=Goldens"</c>.</summary>
    public const string Category = "Goldens";

    private static readonly string? Found = Find();

    /// <summary>Whether there is such a folder.</summary>
    public static bool AreThere => Directory.Exists(Found);

    public static string Folder =>
        Found ?? throw new DirectoryNotFoundException($"no YueService.sln above {AppContext.BaseDirectory}; set YUE_GOLDENS");

    public static string PathOf(params string[] parts) => Path.Combine([Folder, .. parts]);

    private static string? Find()
    {
        if (Environment.GetEnvironmentVariable("YUE_GOLDENS") is { Length: > 0 } configured)
        {
            return Path.GetFullPath(configured);
        }

        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "YueService.sln")))
            {
                return Path.GetFullPath(Path.Combine(folder.FullName, "..", "shared", "goldens"));
            }
        }

        return null;
    }
}
