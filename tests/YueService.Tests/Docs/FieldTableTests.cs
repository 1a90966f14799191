using System.Globalization;
using Xunit;
using Yue.Engine.Scheduling;
using YueService.Api.Requests;
using YueService.Tests.EndToEnd;

namespace YueService.Tests.Docs;

/// <summary>Tests that docs/api.md contains the declared fields of requests and codes.</summary>
public sealed class FieldTableTests
{
    private static readonly string File = Path.Combine(DemoProcess.Repository, "docs", "api.md");

    [Fact]
    public Task Committed_table_of_request_fields_matches_the_declarations() => CompareAsync(
        "fields",
        "| field | default | bounds | meaning | models | `yue generate` |",
        SongFields.All.Select(field =>
            $"| `{field.Path}` | {field.FullDefaultText} | {field.Bounds} | {field.Description} | {Models(field)} | {Option(field)} |"));

    [Fact]
    public Task Committed_table_of_the_fields_of_codes_matches_the_declarations() => CompareAsync(
        "codes",
        "| field | default | bounds | meaning |",
        CodesFields.OfSong.Select(field => (Path: field.Name, Field: field))
            .Concat(CodesFields.OfSection.Select(field => (Path: $"{CodesFields.Sections.Name}[].{field.Name}", Field: field)))
            .Select(row => $"| `{row.Path}` | {row.Field.FullDefaultText} | {row.Field.Bounds} | {row.Field.Description} |"));

    /// <summary>Compares the table between two markers in docs/api.md, or writes it.</summary>
    private static async Task CompareAsync(string name, string header, IEnumerable<string> rows)
    {
        var cancel = TestContext.Current.CancellationToken;
        var (start, end) = ($"<!-- {name}: generated -->\n", $"<!-- end of {name} -->\n");
        var rule = string.Concat(Enumerable.Repeat("|---", header.Count(c => c == '|') - 1));
        var expected = string.Create(CultureInfo.InvariantCulture, $"\n{header}\n{rule}|\n{string.Join('\n', rows)}\n\n");
        var text = await System.IO.File.ReadAllTextAsync(File, cancel);
        var from = text.IndexOf(start, StringComparison.Ordinal) + start.Length;
        var to = text.IndexOf(end, StringComparison.Ordinal);
        Assert.True(from >= start.Length && to >= from, $"docs/api.md has no markers for {name}");
        if (CommittedDocs.ShouldUpdate && text[from..to] != expected)
        {
            await System.IO.File.WriteAllTextAsync(File, text[..from] + expected + text[to..], cancel);
        }
        else
        {
            Assert.True(
                text[from..to] == expected,
                $"the table of {name} in docs/api.md differs; {CommittedDocs.Fix}. The expected table:\n{expected}");
        }
    }

    private static string Option(RequestField field) => field.Option is null ? "" : $"`{field.Option.Name}`";

    /// <summary>Returns the titles of the families whose models support a field; "all" if those of every family do.</summary>
    private static string Models(RequestField field)
    {
        var titles = ModelFamilies.Descriptions
            .Where(family => field.IsForEveryFamily || family.Supports(field.SongPath))
            .Select(family => family.Title)
            .ToList();
        return titles.Count == ModelFamilies.Descriptions.Count ? "all" : string.Join(", ", titles);
    }
}
