using System.Text.Json;
using Xunit;
using YamlDotNet.RepresentationModel;
using YueService.Tests.EndToEnd;

namespace YueService.Tests.Docs;

/// <summary>Tests that the JSON and YAML in documents can be read. <see cref="DocumentedCommandTests"/> runs the commands.</summary>
public sealed class CodeBlockTests
{
    /// <summary>The allowed languages of code blocks. Commands in blocks marked <c>text</c> are not run.</summary>
    private static readonly string[] Languages = ["", "sh", "text", "json", "yaml", "python", "js", "csharp"];

    [Fact]
    public void Every_block_has_a_known_language() =>
        Assert.All(Blocks(), block => Assert.True(Languages.Contains(block.Code.Language), $"{block.Place}: {block.Code.Language}"));

    [Fact]
    public void JSON_and_YAML_can_be_read()
    {
        var blocks = Blocks().Where(block => block.Code.Language is "json" or "yaml").ToList();
        Assert.True(blocks.Count > 4);
        Assert.All(blocks, block => Assert.Null(Fault(block.Code)));
    }

    [Theory]
    [InlineData("json", "{\"a\": 1,}")]
    [InlineData("yaml", "a: [1")]
    public void Invalid_JSON_or_YAML_is_found(string language, string text) => Assert.NotNull(Fault(new(1, language, text)));

    private static string? Fault(CodeBlock block)
    {
        try
        {
            if (block.Language == "json")
            {
                JsonDocument.Parse(block.Text).Dispose();
            }
            else
            {
                using var text = new StringReader(block.Text);
                new YamlStream().Load(text);
            }

            return null;
        }
        catch (Exception error) when (error is JsonException or YamlDotNet.Core.YamlException)
        {
            return error.Message;
        }
    }

    private static IEnumerable<(string Place, CodeBlock Code)> Blocks() =>
        Directory.EnumerateFiles(Path.Combine(DemoProcess.Repository, "docs"), "*.md", SearchOption.AllDirectories)
            .SelectMany(file => new MarkdownDocument(File.ReadLines(file)).Blocks.Select(block => ($"{file}:{block.Line}", block)));
}
