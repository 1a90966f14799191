using Xunit;
using YueService.Tests.EndToEnd;

namespace YueService.Tests.Docs;

/// <summary>Tests that lines of C#, CUDA and our JavaScript are not longer than the limit in .editorconfig.</summary>
public sealed class LineLengthTests
{
    private const int MaxLength = 140;

    private static readonly string[] Folders = ["src", "tests", "bench"];

    private static readonly string[] Excluded = ["bin", "obj", "vendor", "node_modules"];

    [Fact]
    public void No_line_of_code_is_longer_than_140_characters()
    {
        var faults = Folders.SelectMany(Sources).SelectMany(
            file => LongLines(File.ReadLines(file)).Select(line => $"{Path.GetRelativePath(DemoProcess.Repository, file)}:{line}"));

        Assert.True(!faults.Any(), $"longer than {MaxLength} characters:\n{string.Join('\n', faults)}");
    }

    [Fact]
    public void Lines_that_are_too_long_are_found_by_number() =>
        Assert.Equal([2, 4], LongLines(["", new string('a', MaxLength + 1), new string('é', MaxLength), new string(' ', MaxLength + 1)]));

    private static IEnumerable<int> LongLines(IEnumerable<string> lines) =>
        lines.Index().Where(line => line.Item.Length > MaxLength).Select(line => line.Index + 1);

    private static IEnumerable<string> Sources(string folder) =>
        Directory.EnumerateFiles(Path.Combine(DemoProcess.Repository, folder), "*", SearchOption.AllDirectories)
            .Where(file => Path.GetExtension(file) is ".cs" or ".js" or ".cu" or ".cuh")
            .Where(file => !file.EndsWith(".g.cs", StringComparison.Ordinal))
            .Where(file => !Path.GetRelativePath(DemoProcess.Repository, file).Split('/').Any(Excluded.Contains))
            .Order(StringComparer.Ordinal);
}
