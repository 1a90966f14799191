using System.Text.RegularExpressions;

namespace YueService.Tests.Docs;

/// <summary>A block of code in a Markdown document.</summary>
/// <param name="Line">The line number of the opening fence, counted from 1.</param>
/// <param name="Language">The word after the fence; empty for none.</param>
/// <param name="Text">The lines of the block, without the indent of the fence.</param>
internal sealed record CodeBlock(int Line, string Language, string Text);

/// <summary>A Markdown document: its headings, links and blocks of code.</summary>
internal sealed partial class MarkdownDocument
{
    private readonly HashSet<string> _anchors = new(StringComparer.Ordinal);
    private readonly HashSet<string> _sections = new(StringComparer.Ordinal);
    private readonly List<(int Line, string Target)> _links = [];
    private readonly List<CodeBlock> _blocks = [];

    /// <summary>Reads a document.</summary>
    public MarkdownDocument(IEnumerable<string> lines)
    {
        (int Line, string Language, int Indent, List<string> Text)? block = null;
        foreach (var (index, line) in lines.Index())
        {
            var start = line.TrimStart();
            if (start.StartsWith("```", StringComparison.Ordinal))
            {
                if (block is { } ended)
                {
                    _blocks.Add(new(ended.Line, ended.Language, string.Join('\n', ended.Text)));
                    block = null;
                }
                else
                {
                    block = (index + 1, start[3..].Trim(), line.Length - start.Length, []);
                }
            }
            else if (block is { } current)
            {
                current.Text.Add(line[Math.Min(current.Indent, line.Length - start.Length)..]);
            }
            else
            {
                ReadProse(index + 1, line);
            }
        }
    }

    /// <summary>The anchors of the headings, as GitHub generates them.</summary>
    public IReadOnlySet<string> Anchors => _anchors;

    /// <summary>The numbers of the numbered headings, such as <c>2.3</c>.</summary>
    public IReadOnlySet<string> Sections => _sections;

    /// <summary>The targets of links and pictures, with their line numbers, counted from 1.</summary>
    public IReadOnlyList<(int Line, string Target)> Links => _links;

    public IReadOnlyList<CodeBlock> Blocks => _blocks;

    private void ReadProse(int number, string line)
    {
        if (Heading().Match(line) is { Success: true } heading)
        {
            var text = heading.Groups["text"].Value;
            var anchor = NotInAnchors().Replace(LinkTarget().Replace(text, "]").ToLowerInvariant(), "").Replace(' ', '-');
            for (var (count, name) = (0, anchor); !_anchors.Add(name); name = $"{anchor}-{count}")
            {
                count++;
            }

            if (SectionNumber().Match(text) is { Success: true } section)
            {
                _sections.Add(section.Groups[1].Value);
            }
        }

        _links.AddRange(LinkTarget().Matches(InlineCode().Replace(line, "``")).Select(link => (number, link.Groups[1].Value)));
    }

    [GeneratedRegex(@"^#{1,6} +(?<text>.*?) *$")]
    private static partial Regex Heading();

    [GeneratedRegex(@"^(\d+(?:\.\d+)*)\.? ")]
    private static partial Regex SectionNumber();

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex LinkTarget();

    [GeneratedRegex("`[^`]*`")]
    private static partial Regex InlineCode();

    [GeneratedRegex(@"[^\p{L}\p{N}\-_ ]")]
    private static partial Regex NotInAnchors();
}
