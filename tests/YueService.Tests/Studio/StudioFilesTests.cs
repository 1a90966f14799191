using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Xunit;
using YueService.Api.Studio;
using YueService.Tests.EndToEnd;

namespace YueService.Tests.Studio;

/// <summary>Tests the studio's own files and the third-party files.</summary>
public sealed class StudioFilesTests
{
    private static readonly string Root = Path.Combine(DemoProcess.Repository, "src", "YueService", "wwwroot");

    private static readonly string Vendor = Path.Combine(Root, "vendor");

    [Fact]
    public void Vendored_files_have_the_hashes_listed_in_vendor_json()
    {
        using var list = JsonDocument.Parse(File.ReadAllText(Path.Combine(Vendor, "vendor.json")));
        var named = new List<string>();
        foreach (var package in list.RootElement.GetProperty("packages").EnumerateArray())
        {
            var folder = package.GetProperty("folder").GetString()!;
            Assert.EndsWith($"@{package.GetProperty("version").GetString()}", folder, StringComparison.Ordinal);
            Assert.StartsWith("sha512-", package.GetProperty("integrity").GetString(), StringComparison.Ordinal);
            Assert.True(package.GetProperty("files").TryGetProperty("LICENSE", out _), $"{folder} has no license");
            foreach (var file in package.GetProperty("files").EnumerateObject())
            {
                var path = Path.Combine(Vendor, folder, file.Name);
                Assert.Equal(file.Value.GetString(), Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path))));
                named.Add(path);
            }
        }

        Assert.Equal(
            named.Append(Path.Combine(Vendor, "vendor.json")).Order(StringComparer.Ordinal),
            Directory.EnumerateFiles(Vendor, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Every_imported_file_exists()
    {
        var page = File.ReadAllText(Path.Combine(Root, "index.html"));
        var map = page.Split("<script type=\"importmap\">")[1].Split("</script>")[0];
        using var imports = JsonDocument.Parse(map);
        Assert.All(
            imports.RootElement.GetProperty("imports").EnumerateObject(),
            import => Assert.True(File.Exists(Path.Combine(Root, import.Value.GetString()!)), import.Value.GetString()));
    }

    [Fact]
    public void The_policy_allows_the_import_map_by_its_hash_and_no_other_inline_script()
    {
        const string Map = "{\"imports\":{}}";
        var hash = Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(Map)));
        var policy = StudioPage.PolicyOf($"<p></p><script type=\"importmap\">{Map}</script><script type=\"module\" src=\"a.js\"></script>");
        Assert.Contains($"script-src 'self' 'sha256-{hash}';", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
    }

    [Fact]
    public void The_frame_that_draws_scores_is_sandboxed_and_loads_only_scripts_and_styles()
    {
        var parts = StudioPage.ScorePolicy.Split("; ");
        Assert.Contains("default-src 'none'", parts);
        Assert.Contains("script-src 'self'", parts);
        Assert.Contains("sandbox allow-scripts", parts);
        var sources = parts.Select(part => part.Split(' ')[0]).Where(name => name.EndsWith("-src", StringComparison.Ordinal));
        Assert.Equal(["default-src", "script-src", "style-src"], sources);
    }
}
