using System.Text.RegularExpressions;
using Xunit;
using Yue.Testing;
using YueService.Tests.EndToEnd;

namespace YueService.Tests.Docs;

/// <summary>Tests that <c>scripts/release-notes.sh</c> prints a version's section of a changelog.</summary>
public sealed partial class ReleaseNotesTests : IDisposable
{
    private static readonly string Changelog = Path.Combine(DemoProcess.Repository, "CHANGELOG.md");

    private readonly TemporaryFolder _folder = new();

    public ReleaseNotesTests() => Assert.SkipWhen(OperatingSystem.IsWindows(), "the script needs bash and awk");

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("0.10.0", "The newest.\n\n### Added\n\n- A song.\n  ## is no heading.\n")]
    [InlineData("0.1.0", "- The first.\n")]
    [InlineData("0.11.0-alpha.0.3", "- Not released.\n")]
    public async Task Notes_are_the_section_of_the_version(string version, string notes)
    {
        var file = Path.Combine(_folder.Path, "CHANGELOG.md");
        await File.WriteAllTextAsync(
            file,
            "# Changelog\n\nText.\n\n## Unreleased\n\n- Not released.\n\n"
            + "## 0.10.0 – 2026-11-29\n\nThe newest.\n\n### Added\n\n- A song.\n  ## is no heading.\n\n\n"
            + "## [v0.1.0]\n\n- The first.\n",
            TestContext.Current.CancellationToken);

        Assert.Equal(new(0, notes, ""), await RunAsync(version, file));
    }

    [Fact]
    public async Task A_version_without_a_section_has_no_notes()
    {
        var (exitCode, notes, error) = await RunAsync("0.0.1", Changelog);
        Assert.Equal((1, ""), (exitCode, notes));
        Assert.Contains("\"## 0.0.1\"", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_released_version_in_the_changelog_has_notes()
    {
        var versions = Released().Matches(await File.ReadAllTextAsync(Changelog, TestContext.Current.CancellationToken));
        Assert.NotEmpty(versions);
        foreach (var version in versions.Select(heading => heading.Groups[1].Value))
        {
            var (exitCode, notes, _) = await RunAsync(version, Changelog);
            Assert.Equal(0, exitCode);
            Assert.Contains("\n- ", "\n" + notes, StringComparison.Ordinal);
        }
    }

    private static Task<ProgramRun> RunAsync(string version, string file) =>
        ProgramRun.RunAsync(DemoProcess.Repository, "bash", Path.Combine("scripts", "release-notes.sh"), version, file);

    [GeneratedRegex(@"^## (\d+\.\d+\.\d+)", RegexOptions.Multiline)]
    private static partial Regex Released();
}
