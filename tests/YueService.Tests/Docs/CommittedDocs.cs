namespace YueService.Tests.Docs;

/// <summary>Committed files that are generated from the program: documents in docs/ and the C# client. Tests compare them with the program,
/// or write them on demand.</summary>
internal static class CommittedDocs
{
    /// <summary>The advice in messages about outdated files.</summary>
    public const string Fix =
        "run YUE_UPDATE_DOCS=1 dotnet test tests/YueService.Tests -c Release --filter FullyQualifiedName~Committed, and commit the files";

    /// <summary>True if the tests write the files.</summary>
    public static bool AreUpdated => Environment.GetEnvironmentVariable("YUE_UPDATE_DOCS") == "1";
}
