using System.Globalization;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Xunit;
using YueService.Tests.EndToEnd;

namespace YueService.Tests.Docs;

/// <summary>Tests that CHANGELOG.md lists the releases in order, and that no build has a version older than the newest release.</summary>
public sealed partial class ChangelogTests
{
    private static readonly string[] Headings =
    [
        .. File.ReadLines(Path.Combine(DemoProcess.Repository, "CHANGELOG.md"))
            .Where(line => line.StartsWith("## ", StringComparison.Ordinal)),
    ];

    private static readonly List<Match> Releases = [.. Headings.Skip(1).Select(heading => Release().Match(heading))];

    [Fact]
    public void Releases_are_listed_newest_first()
    {
        Assert.Equal("## Unreleased", Headings[0]);
        Assert.All(Releases, release => Assert.True(release.Success, "a heading is not \"## X.Y.Z – YYYY-MM-DD\""));
        Assert.Equal(Releases.Select(VersionOf).OrderDescending(), Releases.Select(VersionOf));
        Assert.Equal(Releases.Select(DateOf).OrderDescending(), Releases.Select(DateOf));
        Assert.Equal(Releases.Count, Releases.Select(VersionOf).Distinct().Count());
    }

    [Fact]
    public void Builds_without_tags_are_not_older_than_the_newest_release()
    {
        var properties = XDocument.Load(Path.Combine(DemoProcess.Repository, "Directory.Build.props"));
        var next = Version.Parse(properties.Descendants("MinVerMinimumMajorMinor").Single().Value);
        var newest = VersionOf(Releases[0]);
        Assert.True(
            next >= new Version(newest.Major, newest.Minor), $"MinVerMinimumMajorMinor is {next}, but {newest} is already released");
    }

    private static Version VersionOf(Match release) => Version.Parse(release.Groups[1].Value);

    private static DateOnly DateOf(Match release) =>
        DateOnly.ParseExact(release.Groups[2].Value, "yyyy-MM-dd", CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^## (\d+\.\d+\.\d+) – (\d{4}-\d{2}-\d{2})$")]
    private static partial Regex Release();
}
