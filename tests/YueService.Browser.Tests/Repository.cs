namespace YueService.Browser.Tests;

/// <summary>The repository that the tests were built in.</summary>
internal static class Repository
{
    // …/tests/YueService.Browser.Tests/bin/Release/net10.0
    private static readonly DirectoryInfo Build = new(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar));

    /// <summary>The build configuration, Debug or Release.</summary>
    public static string Configuration => Build.Parent!.Name;

    /// <summary>The root folder.</summary>
    public static string Root { get; } = Find();

    private static string Find()
    {
        var folder = Build;
        while (!File.Exists(Path.Combine(folder.FullName, "YueService.sln")))
        {
            folder = folder.Parent ?? throw new DirectoryNotFoundException($"no YueService.sln above {Build}");
        }

        return folder.FullName;
    }
}
