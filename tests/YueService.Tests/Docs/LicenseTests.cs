using System.Globalization;
using System.Text;
using System.Xml.Linq;
using Xunit;
using YueService.Tests.EndToEnd;

namespace YueService.Tests.Docs;

/// <summary>Tests the licenses of everything that ships with the service.</summary>
public sealed class LicenseTests
{
    private const string Begin = "<!-- packages -->\n";
    private const string End = "<!-- end of packages -->\n";

    /// <summary>Licenses that allow the service to be distributed under its own license.</summary>
    private static readonly string[] Compatible = ["Apache-2.0", "BSD-3-Clause", "ISC", "MIT", "PostgreSQL"];

    /// <summary>The license texts that are published with the program.</summary>
    private static readonly string[] Texts = ["LICENSE", "NOTICE", "docs/licenses.md"];

    private static readonly IReadOnlyList<ShippedPackage> Packages =
        PackageList.Of(Path.Combine(DemoProcess.Repository, "src", "YueService"));

    [Fact]
    public void Every_package_has_a_compatible_license()
    {
        Assert.NotEmpty(Packages);
        Assert.All(Packages, package => Assert.True(
            Compatible.Contains(package.License),
            $"{package.Name} {package.Version} has the license \"{package.License}\", expected one of {string.Join(", ", Compatible)}"));
    }

    [Fact]
    public void Committed_list_of_packages_matches_the_restored_packages()
    {
        var file = Path.Combine(DemoProcess.Repository, "docs", "licenses.md");
        var text = File.ReadAllText(file);
        var from = text.IndexOf(Begin, StringComparison.Ordinal) + Begin.Length;
        var to = text.IndexOf(End, StringComparison.Ordinal);
        var expected = Table();
        if (CommittedDocs.ShouldUpdate && text[from..to] != expected)
        {
            File.WriteAllText(file, text[..from] + expected + text[to..]);
            return;
        }

        Assert.True(
            text[from..to] == expected,
            $"the packages in docs/licenses.md differ; {CommittedDocs.Fix}. The expected table:\n{expected}");
    }

    [Fact]
    public void NOTICE_names_every_vendored_package()
    {
        var notice = File.ReadAllText(Path.Combine(DemoProcess.Repository, "NOTICE"));
        var vendor = Path.Combine(DemoProcess.Repository, "src", "YueService", "wwwroot", "vendor");
        var packages = Directory.GetDirectories(vendor);
        Assert.NotEmpty(packages);
        Assert.All(packages, folder => Assert.Contains(Path.GetFileName(folder), notice, StringComparison.Ordinal));
    }

    /// <summary>Files that ship with or inside the assemblies are our own, or NOTICE names them.</summary>
    [Fact]
    public void NOTICE_names_every_file_that_ships()
    {
        string[] own = ["appsettings.json", "models.json", ".cuh", .. Texts];
        var notice = File.ReadAllText(Path.Combine(DemoProcess.Repository, "NOTICE"));
        var shipped = Directory.EnumerateFiles(Path.Combine(DemoProcess.Repository, "src"), "*.csproj", SearchOption.AllDirectories)
            .SelectMany(project => XDocument.Load(project).Descendants()
                .Where(item => item.Name.LocalName is "Content" or "EmbeddedResource")
                .Select(item => item.Attribute("Include")?.Value.Replace("/**", "", StringComparison.Ordinal))
                .OfType<string>()
                .Where(file => !own.Any(file.EndsWith))
                .Select(file => $"src/{Path.GetFileName(Path.GetDirectoryName(project))}/{file}"))
            .ToList();
        Assert.True(shipped.Count > 3);
        Assert.All(shipped, file => Assert.Contains(file, notice, StringComparison.Ordinal));
    }

    [Fact]
    public void The_published_program_comes_with_its_licenses()
    {
        var project = XDocument.Load(Path.Combine(DemoProcess.Repository, "src", "YueService", "YueService.csproj"));
        var published = project.Descendants("Content")
            .Where(item => item.Attribute("CopyToPublishDirectory") is not null)
            .Select(item => item.Attribute("Include")!.Value);
        Assert.Superset(Texts.Select(text => $"../../{text}").ToHashSet(), published.ToHashSet());
    }

    private static string Table()
    {
        var table = new StringBuilder("| package | version | license | copyright |\n|---|---|---|---|\n");
        foreach (var package in Packages)
        {
            var copyright = package.Copyright.Replace("|", "\\|", StringComparison.Ordinal);
            table.Append(CultureInfo.InvariantCulture, $"| {package.Name} | {package.Version} | {package.License} | {copyright} |\n");
        }

        return table.ToString();
    }
}
