using Yue.Engine.Songs;

namespace Yue.Engine.Families.Yue1.Text;

/// <summary>Splits lyrics into sections (docs/model.md 2.4) without losing words.</summary>
/// <remarks>
/// <para>The reference finds <c>\[(\w+)\](.*?)(?=\[|\Z)</c> and drops everything else: text before the first tag, sections whose tag is not
/// one word, and text after a '[' that does not open a tag. It also turns any word in brackets inside a line into a section. If the
/// sections of <see cref="Parse"/> differ from those of the reference, a warning explains the difference. The rules are:</para>
/// <list type="bullet">
/// <item>Other notations are rewritten first (<see cref="LyricsMarkup"/>).</item>
/// <item>Text before the first tag becomes a [verse] section. However, if it has no letter or number (for example, if it is a dash or a
/// note symbol), it is added to the words of the first section.</item>
/// <item>A tag must be at the start of a line or directly after another tag, or be a section name (<see cref="SectionName"/>). Any other
/// '[' is part of the words.</item>
/// <item>A tag that is not one word is reduced to its letters, combining marks and numbers: [pre-chorus] becomes [prechorus],
/// and [Verse 1] becomes [Verse1]. A description after the name is left out: [Chorus: all, loud] becomes [Chorus].</item>
/// </list>
/// <para>Therefore, every character of the rewritten lyrics that is not white space is in some section's
/// <see cref="LyricSection.WrittenTag"/> or <see cref="LyricSection.Words"/>, except the brackets of tags.</para>
/// </remarks>
public static class LyricsParser
{
    /// <summary>The tag for text that has none.</summary>
    public const string AssumedTag = "verse";

    /// <summary>The maximum length of a tag that is not one word and does not begin with a section name.</summary>
    public const int MaxRewrittenTagLength = 40;

    private const int MaxListed = 8;
    private const int MaxListedLength = 100;

    /// <summary>Parses a user's lyrics.</summary>
    public static ParsedLyrics Parse(string lyrics)
    {
        var findings = new TextFindings("lyrics");
        var text = Read(TracedText.Of(lyrics), findings);
        var tags = FindTags(text.Text).ToList();
        List<FoundSection> sections = [];

        var lead = text.Slice(0, tags.Count > 0 ? tags[0].Start : text.Length).Strip();
        if (lead.Length > 0 && (tags.Count == 0 || lead.Text.EnumerateRunes().Any(PythonText.IsLetterOrNumber)))
        {
            sections.Add(new(new LyricSection(AssumedTag, lead.Text) { WrittenTag = null }, lead, lead.Origin()));
            findings.Add(tags.Count == 0 ? FindingKind.NoTag : FindingKind.TextBeforeTag, lead.Text, lead.Origin());
            lead = lead.Slice(0, 0);
        }

        for (var i = 0; i < tags.Count; i++)
        {
            var tag = tags[i];
            var words = text.Slice(tag.End, i + 1 < tags.Count ? tags[i + 1].Start : text.Length).Strip();
            var (start, end) = text.Origin(tag.Start, tag.End);
            end = words.Length > 0 ? words.Origin().End : end;
            if (lead.Length > 0)
            {
                findings.Add(FindingKind.SymbolsBeforeTag, $"[{tag.Tag}]", lead.Origin());
                start = lead.Origin().Start;
                words = Joined(lead, words).Strip();
                lead = lead.Slice(0, 0);
            }

            sections.Add(new(new LyricSection(tag.Tag, words.Text) { WrittenTag = tag.Written }, words, new(start, end)));
            if (tag.IsDoubtful)
            {
                findings.Add(FindingKind.DoubtfulTag, $"[{tag.Written}]", text.Origin(tag.Start, tag.End));
            }

            if (tag.Written != tag.Tag)
            {
                findings.Add(FindingKind.TagOfSeveralWords, $"[{tag.Written}] as [{tag.Tag}]", text.Origin(tag.Start, tag.End));
            }
        }

        CheckWords(sections, text, findings);
        return new ParsedLyrics([.. sections.Select(section => section.Section)], findings.Warnings)
        {
            Places = [.. sections.Select(section => section.Place)],
            Findings = findings.All,
        };
    }

    /// <summary>Returns the text to split into sections: cleaned, and in one notation.</summary>
    internal static string Read(string lyrics) => Read(TracedText.Of(lyrics), new TextFindings("lyrics")).Text;

    private static TracedText Read(TracedText lyrics, TextFindings findings) =>
        UserText.Clean(LyricsMarkup.Rewrite(UserText.Clean(lyrics, findings), findings), findings);

    private static TracedText Joined(TracedText first, TracedText second)
    {
        var joined = new TracedText.Builder();
        joined.Append(first);
        joined.AppendLineEnd();
        joined.Append(second);
        return joined.Build();
    }

    /// <summary>Returns the first few items, and the number of remaining ones.</summary>
    internal static string Listed(IEnumerable<string> items)
    {
        var all = items.Select(Shortened).ToList();
        var first = string.Join(", ", all.Take(MaxListed));
        return all.Count > MaxListed ? $"{first} and {all.Count - MaxListed} more" : first;
    }

    private static string Shortened(string item)
    {
        if (item.Length <= MaxListedLength)
        {
            return item;
        }

        var length = char.IsHighSurrogate(item[MaxListedLength - 1]) ? MaxListedLength - 1 : MaxListedLength;
        return $"{item[..length]}…";
    }

    private static void CheckWords(List<FoundSection> sections, TracedText text, TextFindings findings)
    {
        foreach (var words in sections.Select(section => section.Words))
        {
            foreach (var (at, bracket) in Brackets(words.Text))
            {
                findings.Add(FindingKind.BracketInWords, bracket, words.Origin(at, at + bracket.Length));
            }
        }

        var wordless = sections.Where(section => !UnicodeText.HasLetterOrNumber(section.Words.Text)).ToList();
        if (wordless.Count == sections.Count)
        {
            findings.Add(sections.Count == 0 ? FindingKind.Blank : FindingKind.TagsOnly, "", text.Origin());
            return;
        }

        foreach (var (section, _, place) in wordless)
        {
            findings.Add(FindingKind.SectionWithoutWords, $"[{section.Tag}]", place);
        }
    }

    /// <summary>Returns the pieces of text in brackets, with their positions. An unclosed one ends at the next '[' or at the end of its
    /// line, and a long one is cut off.</summary>
    private static IEnumerable<(int At, string Text)> Brackets(string words)
    {
        for (var at = words.IndexOf('['); at >= 0; at = words.IndexOf('[', at + 1))
        {
            var inside = words.AsSpan(at + 1, Math.Min(words.Length - at - 1, MaxListedLength));
            var length = inside.IndexOfAny("[]\n");
            yield return (at, $"[{inside[..(length < 0 ? inside.Length : length)]}{(length >= 0 && inside[length] == ']' ? "]" : "")}");
        }
    }

    private static IEnumerable<FoundTag> FindTags(string text)
    {
        var lastEnd = 0;
        for (var at = text.IndexOf('['); at >= 0;)
        {
            var tag = TagAt(text, at, IsAtLineStart(text, at, lastEnd));
            if (tag is not null)
            {
                yield return tag;
                lastEnd = tag.End;
            }

            at = text.IndexOf('[', tag?.End ?? (at + 1));
        }
    }

    /// <summary>Returns whether only white space separates the bracket from the line's start or the end of the tag before it.</summary>
    private static bool IsAtLineStart(string text, int bracket, int lastTagEnd)
    {
        var i = bracket - 1;
        while (i >= lastTagEnd && text[i] != '\n' && PythonText.IsSpace(text[i]))
        {
            i--;
        }

        return i < lastTagEnd || text[i] == '\n';
    }

    private static FoundTag? TagAt(string text, int bracket, bool isAtLineStart)
    {
        var inside = text.AsSpan(bracket + 1);
        var length = inside.IndexOfAny("[]\n");
        if (length < 0 || inside[length] != ']')
        {
            return null;
        }

        var written = inside[..length].ToString();
        var name = SectionName.DescribedIn(written);
        var isKnown = name is not null || SectionName.Is(written);
        var isOneWord = IsOneWord(written);
        var tag = isOneWord ? written : OneWord(name ?? written);
        if (tag.Length == 0 || !(isKnown || (isAtLineStart && (isOneWord || length <= MaxRewrittenTagLength))))
        {
            return null;
        }

        var afterTag = inside[(length + 1)..];
        var lineEnd = afterTag.IndexOfAny("[\n");
        var hasWordsBeside = UnicodeText.HasLetterOrNumber(afterTag[..(lineEnd < 0 ? afterTag.Length : lineEnd)].ToString());
        return new FoundTag(bracket, bracket + 1 + length + 1, written, tag, IsDoubtful: !isKnown && hasWordsBeside);
    }

    /// <summary>Returns whether a tag has only word characters, as the reference requires.</summary>
    private static bool IsOneWord(string tag) => tag.EnumerateRunes().All(PythonText.IsWord);

    /// <summary>Returns the letters, combining marks and numbers of a tag; empty if it has neither letters nor numbers. Underscores are
    /// also removed, so that "[start_of _segment]" does not become a prompt marker.</summary>
    internal static string OneWord(string tag) => !UnicodeText.HasLetterOrNumber(tag) ? "" : string.Concat(
        tag.EnumerateRunes().Where(rune => PythonText.IsLetterOrNumber(rune) || UnicodeText.IsMark(rune)).Select(rune => rune.ToString()));

    /// <summary>A section, its words, and its position in the user's text, including the tag.</summary>
    private sealed record FoundSection(LyricSection Section, TracedText Words, TextSpan Place);

    /// <summary>A tag and its position in the text, including brackets; <paramref name="End"/> is exclusive.</summary>
    /// <param name="Start">The position of the opening bracket.</param>
    /// <param name="End">The position after the closing bracket.</param>
    /// <param name="Written">The text in the brackets.</param>
    /// <param name="Tag">The tag in the prompt.</param>
    /// <param name="IsDoubtful">True if it may be meant as a remark, because it is not a common section name and there are words on the
    /// same line.</param>
    private sealed record FoundTag(int Start, int End, string Written, string Tag, bool IsDoubtful);
}
