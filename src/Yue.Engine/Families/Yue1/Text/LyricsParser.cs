namespace Yue.Engine.Families.Yue1.Text;

/// <summary>Cuts lyrics into sections (docs/model.md 2.4) without losing a word.</summary>
/// <remarks>
/// <para>The reference finds <c>\[(\w+)\](.*?)(?=\[|\Z)</c> and drops all else: text before the first tag, a section whose
/// tag is not one word, text after a '[' that opens no tag. It also makes sections of any word in brackets inside a line. If
/// <see cref="Parse"/> gives other sections than the reference, a warning says how:</para>
/// <list type="bullet">
/// <item>Other notations are rewritten first (<see cref="LyricsMarkup"/>).</item>
/// <item>Text before the first tag is a section [verse]. If it has no letter and no number (a dash, a note sign), it joins
/// the words of the first section.</item>
/// <item>A tag is at the start of a line, right after another tag, or has the name of a section (<see cref="SectionName"/>).
/// Any other '[' is part of the words.</item>
/// <item>A tag that is not one word is written with its letters, marks and numbers only: [pre-chorus] is [prechorus],
/// [Verse 1] is [Verse1]. A description after the name is left out: [Chorus: all, loud] is [Chorus].</item>
/// </list>
/// <para>So every character of the rewritten lyrics that is not white space is in some section's
/// <see cref="LyricSection.WrittenTag"/> or <see cref="LyricSection.Words"/>, except the brackets of tags.</para>
/// </remarks>
public static class LyricsParser
{
    /// <summary>The tag of text that has none.</summary>
    public const string AssumedTag = "verse";

    /// <summary>A longer text in brackets is a tag only if it begins with the name of a section.</summary>
    public const int MaxRewrittenTagLength = 40;

    private const int MaxListed = 8;
    private const int MaxListedLength = 100;

    /// <summary>Reads the lyrics of a user.</summary>
    public static ParsedLyrics Parse(string lyrics)
    {
        var (text, cleaned) = Read(lyrics);
        List<string> warnings = [.. cleaned];
        List<LyricSection> sections = [];
        var tags = FindTags(text).ToList();

        var lead = PythonText.Strip(text.AsSpan(0, tags.Count > 0 ? tags[0].Start : text.Length));
        if (lead.Length > 0 && (tags.Count == 0 || lead.EnumerateRunes().Any(PythonText.IsLetterOrNumber)))
        {
            sections.Add(new LyricSection(AssumedTag, lead) { WrittenTag = null });
            lead = "";
            warnings.Add(tags.Count == 0
                ? $"lyrics: no [tag] was found; all of the text is sung as one [{AssumedTag}]"
                : $"lyrics: text before the first tag is sung as [{AssumedTag}]");
        }

        for (var i = 0; i < tags.Count; i++)
        {
            var end = i + 1 < tags.Count ? tags[i + 1].Start : text.Length;
            var words = PythonText.Strip(text.AsSpan(tags[i].End..end));
            if (lead.Length > 0)
            {
                words = PythonText.Strip($"{lead}\n{words}");
                lead = "";
                warnings.Add($"lyrics: signs before the first tag are kept in the words of [{tags[i].Tag}]");
            }

            sections.Add(new LyricSection(tags[i].Tag, words) { WrittenTag = tags[i].Written });
        }

        var doubtful = tags.Where(tag => tag.IsDoubtful).Select(tag => $"[{tag.Written}]").Distinct().ToList();
        if (doubtful.Count > 0)
        {
            warnings.Add($"lyrics: each is read as the beginning of a section: {Listed(doubtful)}");
        }

        AddWarnings(sections, warnings);
        return new ParsedLyrics(sections, warnings);
    }

    /// <summary>Returns the text that is cut into sections: cleaned, and in one notation.</summary>
    internal static CleanText Read(string lyrics)
    {
        var (text, cleaned) = UserText.Clean(lyrics, "lyrics");
        var (rewritten, read) = LyricsMarkup.Rewrite(text);
        var (final, neutralized) = UserText.Clean(rewritten, "lyrics");
        return new CleanText(final, [.. cleaned, .. read, .. neutralized]);
    }

    /// <summary>Returns the first few items, and how many more there are.</summary>
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

    private static void AddWarnings(List<LyricSection> sections, List<string> warnings)
    {
        var rewritten = sections.Where(section => section.WrittenTag is { } written && written != section.Tag)
            .Select(section => $"[{section.WrittenTag}] as [{section.Tag}]").Distinct().ToList();
        if (rewritten.Count > 0)
        {
            warnings.Add($"lyrics: a tag is one word; read {Listed(rewritten)}");
        }

        var strays = sections.SelectMany(section => Brackets(section.Words)).Distinct().ToList();
        if (strays.Count > 0)
        {
            warnings.Add($"lyrics: sung as words: {Listed(strays)}; a tag stands at the start of a line, and notes are best taken out");
        }

        var wordless = sections.Where(section => !UnicodeText.HasLetterOrNumber(section.Words)).ToList();
        if (sections.Count == 0)
        {
            warnings.Add("lyrics: blank, nothing to sing");
        }
        else if (wordless.Count == sections.Count)
        {
            warnings.Add("lyrics: there are tags only and no words");
        }
        else if (wordless.Count > 0)
        {
            warnings.Add($"lyrics: no words in {Listed(wordless.Select(section => $"[{section.Tag}]"))}");
        }
    }

    /// <summary>Returns the texts in brackets; of a bracket that is not closed, the rest of its line.</summary>
    private static IEnumerable<string> Brackets(string words)
    {
        for (var at = words.IndexOf('['); at >= 0; at = words.IndexOf('[', at + 1))
        {
            var inside = words.AsSpan(at + 1, Math.Min(words.Length - at - 1, MaxListedLength));
            var length = inside.IndexOfAny("[]\n");
            yield return $"[{inside[..(length < 0 ? inside.Length : length)]}{(length >= 0 && inside[length] == ']' ? "]" : "")}";
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

    /// <summary>Returns whether the reference recognizes a tag.</summary>
    private static bool IsOneWord(string tag) => tag.EnumerateRunes().All(PythonText.IsWord);

    /// <summary>Returns the letters, marks and numbers of a tag; empty if it has neither letter nor number. Underscores go too,
    /// so that "[start_of _segment]" does not become a prompt marker.</summary>
    internal static string OneWord(string tag) => !UnicodeText.HasLetterOrNumber(tag) ? "" : string.Concat(
        tag.EnumerateRunes().Where(rune => PythonText.IsLetterOrNumber(rune) || UnicodeText.IsMark(rune)).Select(rune => rune.ToString()));

    /// <summary>A tag and its place in the text: brackets included, <paramref name="End"/> excluded.</summary>
    /// <param name="Start">The opening bracket.</param>
    /// <param name="End">The position after the closing bracket.</param>
    /// <param name="Written">The text in the brackets.</param>
    /// <param name="Tag">The tag in the prompt.</param>
    /// <param name="IsDoubtful">True if it may be meant as a note: it has no usual name, and there are words beside it.</param>
    private sealed record FoundTag(int Start, int End, string Written, string Tag, bool IsDoubtful);
}
