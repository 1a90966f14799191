namespace YueService.Tests.Docs;

/// <summary>Documents in docs/ that are generated from the program. Tests compare them with the program, or write them on demand.</summary>
internal static class CommittedDocs
{
    /// <summary>The command that writes the documents.</summary>
    public const string Fix =
        "run YUE_UPDATE_DOCS=1 dotnet test tests/YueService.Tests -c Release --filter FullyQualifiedName~Committed, and commit the files";

    /// <summary>True if the tests write the documents.</summary>
    public static bool AreUpdated => Environment.GetEnvironmentVariable("YUE_UPDATE_DOCS") == "1";
}
