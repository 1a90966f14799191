using Xunit;
using YueService.Tests.EndToEnd;

namespace YueService.Tests.Docs;

/// <summary>Tests that lines of code, build files and scripts are not longer than the limit in .editorconfig.</summary>
public sealed class LineLengthTests
{
    private const int MaxLength = 140;

    private static readonly string[] Folders = [".ci", ".github", "bench", "deploy", "scripts", "src", "tests"];

    // Files without an extension include scripts, such as .ci/run, and deploy/Containerfile.
    private static readonly string[] Extensions =
    [
        "", ".cs", ".csproj", ".css", ".cu", ".cuh", ".html", ".js", ".mjs", ".props", ".sh", ".targets", ".ts", ".yaml", ".yml",
    ];

    private static readonly string[] Excluded = ["bin", "obj", "vendor", "node_modules"];

    [Fact]
    public void No_line_of_code_is_longer_than_140_characters()
    {
        var faults = Sources().SelectMany(
            file => LongLines(File.ReadLines(file)).Select(line => $"{Path.GetRelativePath(DemoProcess.Repository, file)}:{line}"));

        Assert.True(!faults.Any(), $"longer than {MaxLength} characters:\n{string.Join('\n', faults)}");
    }

    [Fact]
    public void Lines_that_are_too_long_are_reported_by_number() =>
        Assert.Equal([2, 4], LongLines(["", new string('a', MaxLength + 1), new string('é', MaxLength), new string(' ', MaxLength + 1)]));

    [Theory]
    [InlineData("Directory.Build.props")]
    [InlineData(".ci/run")]
    [InlineData(".github/workflows/ci.yml")]
    [InlineData("scripts/release.sh")]
    [InlineData("src/YueService/wwwroot/index.html")]
    [InlineData("tests/YueService.Tests/YueService.Tests.csproj")]
    public void Files_of_every_kind_are_checked(string file) => Assert.Contains(Path.Combine(DemoProcess.Repository, file), Sources());

    /// <summary>Returns the numbers of the lines that are too long. Links that contain their data cannot be wrapped.</summary>
    private static IEnumerable<int> LongLines(IEnumerable<string> lines) =>
        lines.Index()
            .Where(line => line.Item.Length > MaxLength && !line.Item.Contains("href=\"data:", StringComparison.Ordinal))
            .Select(line => line.Index + 1);

    private static IEnumerable<string> Sources() =>
        Folders.Select(folder => Path.Combine(DemoProcess.Repository, folder))
            .SelectMany(folder => Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
            .Concat(Directory.EnumerateFiles(DemoProcess.Repository))
            .Where(file => Extensions.Contains(Path.GetExtension(file)))
            .Where(file => !file.EndsWith(".g.cs", StringComparison.Ordinal))
            .Where(file => !Path.GetRelativePath(DemoProcess.Repository, file).Split('/').Any(Excluded.Contains))
            .Order(StringComparer.Ordinal);
}
