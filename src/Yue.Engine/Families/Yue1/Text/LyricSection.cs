using Yue.Engine.Songs;

namespace Yue.Engine.Families.Yue1.Text;

/// <summary>One section of the lyrics.</summary>
/// <param name="Tag">The tag in the prompt, one word, such as <c>verse</c>.</param>
/// <param name="Words">The words to sing, without white space at either end; may be empty.</param>
public sealed record LyricSection(string Tag, string Words)
{
    /// <summary>The text between the brackets in the lyrics; null if the tag is assumed.</summary>
    public string? WrittenTag { get; init; } = Tag;

    /// <summary>The section's text in the prompt.</summary>
    public string Text => $"[{Tag}]\n{Words}\n\n";
}

/// <summary>Lyrics split into sections.</summary>
/// <param name="Sections">The sections in order; empty if the lyrics are blank.</param>
/// <param name="Warnings">Warnings about changes and assumptions, in plain words.</param>
public sealed record ParsedLyrics(IReadOnlyList<LyricSection> Sections, IReadOnlyList<string> Warnings)
{
    /// <summary>The positions of the sections, including tags, in the lyrics as they were sent.</summary>
    public IReadOnlyList<TextSpan> Places { get; init; } = [];

    /// <summary>The <see cref="Warnings"/> as separate findings, each with its position if it has one.</summary>
    public IReadOnlyList<SongFinding> Findings { get; init; } = [];

    /// <summary>True if any section has a letter or a number to sing.</summary>
    public bool HasWords => Sections.Any(section => UnicodeText.HasLetterOrNumber(section.Words));

    /// <summary>True if there are sections, but they contain only tags.</summary>
    public bool HasTagsOnly => Sections.Count > 0 && Sections.All(section => section.Words.Length == 0);

    /// <summary>Returns the sections to sing, starting with <paramref name="first"/>: <paramref name="runNSegments"/> of them, or all for
    /// 0.</summary>
    public SungSections Take(int runNSegments, int first = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(runNSegments);
        if (runNSegments == 0 || first + runNSegments >= Sections.Count)
        {
            return new SungSections([.. Sections.Skip(first)], null);
        }

        var left = Sections.Skip(first + runNSegments).Select(section => $"[{section.Tag}]").ToArray();
        return new SungSections(
            [.. Sections.Skip(first).Take(runNSegments)],
            $"lyrics: sections not sung ({left.Length} of {Sections.Count}), because run_n_segments is "
                + $"{runNSegments}: {LyricsParser.Listed(left)}");
    }

    /// <summary>Returns the sections with their words removed, for instrumental songs.</summary>
    public ParsedLyrics WithoutWords()
    {
        IReadOnlyList<string> warnings = Sections.Any(section => section.Words.Length > 0)
            ? ["lyrics: the words are not sung, because instrumental is true; only the tags are used"]
            : [];
        return new([.. Sections.Select(section => section with { Words = "" })], warnings)
        {
            Places = Places,
            Findings = [.. warnings.Select(warning => new SongFinding("words_not_sung", "lyrics", warning))],
        };
    }
}

/// <summary>The sections to sing.</summary>
/// <param name="Sections">The sections in order.</param>
/// <param name="Warning">Names the sections that were not requested; null if all are sung.</param>
public sealed record SungSections(IReadOnlyList<LyricSection> Sections, string? Warning);
