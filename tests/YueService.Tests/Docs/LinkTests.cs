using System.Text.RegularExpressions;
using Xunit;
using YueService.Tests.EndToEnd;

namespace YueService.Tests.Docs;

/// <summary>Tests that the targets of all links in documents exist, that the paths and sections named in documents and code exist, and that
/// the indexes of the documentation are complete.</summary>
public sealed partial class LinkTests
{
    /// <summary>The folders that contain the repository's own files. Files directly in the root are also read.</summary>
    private static readonly string[] Folders = ["src", "tests", "bench", "tools", "scripts", "deploy", "docs", ".github", ".ci"];

    private static readonly string[] Excluded = ["bin", "obj", "vendor", "node_modules"];

    private static readonly string[] Types =
        [".cs", ".cu", ".cuh", ".js", ".ts", ".py", ".sh", ".md", ".yaml", ".yml", ".props", ".csproj", ".service", ".http", ""];

    /// <summary>Files that describe earlier states of the repository. The paths that they name may no longer exist.</summary>
    private static readonly string[] Histories = ["CHANGELOG.md", "docs/performance-log.md"];

    /// <summary>Names that look like paths in this repository but are not: a user's file, MCP methods, a folder of YuE 2's own
    /// repository, and a link in these tests.</summary>
    private static readonly string[] NotPaths = ["deploy/.env", "tools/call", "tools/list", "src/yue2", "docs/nowhere.md"];

    private static readonly Lazy<IReadOnlyList<string>> Files = new(() => [.. Find()]);

    private static readonly Dictionary<string, MarkdownDocument> Documents =
        Files.Value.Where(IsMarkdown).ToDictionary(file => file, file => new MarkdownDocument(File.ReadLines(At(file))));

    [Fact]
    public void Every_link_in_a_document_has_an_existing_target()
    {
        Assert.True(Documents.Values.Sum(document => document.Links.Count) > 200);
        var faults = Documents.SelectMany(
            document => document.Value.Links
                .Where(link => !IsExternal(link.Target))
                .Select(link => (link.Line, Fault: LinkFault(document.Key, link.Target)))
                .Where(link => link.Fault is not null)
                .Select(link => $"{document.Key}:{link.Line}: {link.Fault}"));
        AssertNone(faults);
    }

    [Fact]
    public void Every_page_of_the_documentation_is_in_its_index()
    {
        var linked = new[] { "docs/README.md", "docs/adr/README.md" }
            .SelectMany(index => Documents[index].Links.Select(link => Resolve(index, link.Target.Split('#')[0]))).ToHashSet();
        var pages = Documents.Keys.Where(file => file.StartsWith("docs/", StringComparison.Ordinal));
        AssertNone(pages
            .Where(page => Path.GetFileName(page) != "README.md" && !linked.Contains(page))
            .Select(page => $"{page} is in no index"));
    }

    [Fact]
    public void The_index_of_decisions_has_their_titles()
    {
        var index = File.ReadAllText(At("docs/adr/README.md"));
        var decisions = Documents.Keys
            .Where(file => file.StartsWith("docs/adr/", StringComparison.Ordinal) && !file.EndsWith("README.md", StringComparison.Ordinal))
            .ToList();
        Assert.NotEmpty(decisions);
        AssertNone(decisions
            .Select(file => $"[{File.ReadLines(At(file)).First()[2..]}]({Path.GetFileName(file)})")
            .Where(entry => !index.Contains(entry, StringComparison.Ordinal))
            .Select(entry => $"docs/adr/README.md has no {entry}"));
    }

    [Fact]
    public void Every_path_that_a_file_names_exists()
    {
        var faults = Files.Value.Where(file => !Histories.Contains(file)).SelectMany(
            file => File.ReadLines(At(file)).Index().SelectMany(
                line => NamedPath().Matches(line.Item).Select(match => match.Value.TrimEnd('.'))
                    .Where(path => !Exists(path) && !NotPaths.Contains(path))
                    .Select(path => $"{file}:{line.Index + 1}: there is no {path}")));
        AssertNone(faults);
    }

    [Fact]
    public void Every_section_that_a_file_cites_exists()
    {
        var citations = Files.Value.SelectMany(
            file => File.ReadLines(At(file)).Index().SelectMany(
                line => Citation().Matches(line.Item).Select(match => (
                    Place: $"{file}:{line.Index + 1}",
                    Document: match.Groups["document"].Value,
                    Sections: match.Groups["section"].Captures.Select(section => section.Value))))).ToList();
        Assert.True(citations.Count > 50);
        AssertNone(citations.SelectMany(
            citation => citation.Sections
                .Where(section => !Documents[citation.Document].Sections.Contains(section))
                .Select(section => $"{citation.Place}: {citation.Document} has no section {section}")));
    }

    [Theory]
    [InlineData("docs/api.md", "settings.md", null)]
    [InlineData("docs/api.md", "#fields", null)]
    [InlineData("docs/api.md", "settings.md#access", null)]
    [InlineData("docs/adr/README.md", "../api.md", null)]
    [InlineData("docs/api.md", "nowhere.md", "there is no docs/nowhere.md")]
    [InlineData("docs/api.md", "../api.md", "there is no api.md")]
    [InlineData("docs/api.md", "#nowhere", "docs/api.md has no heading #nowhere")]
    [InlineData("docs/api.md", "settings.md#nowhere", "docs/settings.md has no heading #nowhere")]
    public void A_link_without_an_existing_target_is_reported(string file, string target, string? fault) =>
        Assert.Equal(fault, LinkFault(file, target));

    [Fact]
    public void Headings_have_the_same_anchors_as_on_GitHub()
    {
        var document = new MarkdownDocument(
            ["# A [b](c.md), `d_e`", "## 2.1 Two-fold: é", "# Twice", "# Twice", "```sh", "# a comment", "```", "[x](y.md) `[x](z.md)`"]);
        Assert.Equal(["a-b-d_e", "21-two-fold-é", "twice", "twice-1"], document.Anchors);
        Assert.Equal(["2.1"], document.Sections);
        Assert.Equal([(1, "c.md"), (8, "y.md")], document.Links);
        Assert.Equal([new CodeBlock(5, "sh", "# a comment")], document.Blocks);
    }

    [Theory]
    [InlineData("see docs/model.md 2.4, and more", "2.4")]
    [InlineData("(docs/model.md 5.10, 6).", "5.10 6")]
    [InlineData("docs/model.md section 7 says", "7")]
    [InlineData("docs/model.md 2.1 and 2.2", "2.1 2.2")]
    [InlineData("docs/model.md says 7", "")]
    public void Sections_are_read_from_a_citation(string text, string sections) =>
        Assert.Equal(
            sections,
            string.Join(' ', Citation().Matches(text).SelectMany(match => match.Groups["section"].Captures).Select(part => part.Value)));

    private static void AssertNone(IEnumerable<string> faults) => Assert.True(!faults.Any(), string.Join('\n', faults));

    private static bool IsExternal(string target) => target.Contains("://", StringComparison.Ordinal);

    private static bool IsMarkdown(string file) => file.EndsWith(".md", StringComparison.Ordinal);

    private static string At(string file) => Path.Combine(DemoProcess.Repository, file);

    /// <summary>Returns true if a file or a folder has the given path, or a decision has the given number (<c>docs/adr/0017</c>).</summary>
    private static bool Exists(string path) =>
        Path.Exists(At(path))
        || (DecisionNumber().IsMatch(path) && Documents.Keys.Any(file => file.StartsWith(path, StringComparison.Ordinal)));

    /// <summary>Returns the error in a link to a file or a heading; null if the link is valid.</summary>
    private static string? LinkFault(string file, string target)
    {
        var parts = target.Split('#', 2);
        var path = parts[0].Length == 0 ? file : Resolve(file, parts[0]);
        if (!Path.Exists(At(path)))
        {
            return $"there is no {path}";
        }

        return parts.Length == 1 || Documents[path].Anchors.Contains(parts[1]) ? null : $"{path} has no heading #{parts[1]}";
    }

    /// <summary>Returns the path, relative to the repository's root, of the target of a link in a file.</summary>
    private static string Resolve(string file, string target) =>
        Path.GetRelativePath(DemoProcess.Repository, Path.GetFullPath(Path.Combine(At(file), "..", target)));

    private static IEnumerable<string> Find() =>
        Directory.EnumerateFiles(DemoProcess.Repository)
            .Concat(Folders.SelectMany(folder => Directory.EnumerateFiles(At(folder), "*", SearchOption.AllDirectories)))
            .Select(file => Path.GetRelativePath(DemoProcess.Repository, file))
            .Where(file => Types.Contains(Path.GetExtension(file)) && !file.Split('/').Any(Excluded.Contains))
            .Order(StringComparer.Ordinal);

    /// <summary>A path that begins with a folder of the repository, and is not a part of a longer path or of a URL.</summary>
    [GeneratedRegex(@"(?<![\w/.:~\-{}$])(?:src|tests|bench|tools|scripts|deploy|docs)/[\w./@-]*\w")]
    private static partial Regex NamedPath();

    [GeneratedRegex(@"^docs/adr/\d{4}$")]
    private static partial Regex DecisionNumber();

    [GeneratedRegex(@"(?<document>docs/[\w/-]+\.md)(?: sections?)?(?:(?: |, | and )(?<section>\d+(?:\.\d+)*)(?![\w%]))*")]
    private static partial Regex Citation();
}
