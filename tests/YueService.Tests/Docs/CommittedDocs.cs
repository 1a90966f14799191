namespace YueService.Tests.Docs;

/// <summary>Committed files that are generated from the program: documents in docs/ and the C# client. Tests compare them with the program,
/// or rewrite them on demand.</summary>
internal static class CommittedDocs
{
    /// <summary>The advice in messages about outdated files.</summary>
    public const string Fix =
        "run YUE_UPDATE_DOCS=1 dotnet test tests/YueService.Tests -c Release --filter FullyQualifiedName~Committed, and commit the files";

    /// <summary>True if the tests should rewrite the files instead of comparing them.</summary>
    public static bool ShouldUpdate => Environment.GetEnvironmentVariable("YUE_UPDATE_DOCS") == "1";
}
