using System.Text;

namespace Yue.Engine.Text;

/// <summary>Cuts lyrics into sections (MODEL.md 2.4) without losing a word.</summary>
/// <remarks>
/// <para>The reference finds <c>\[(\w+)\](.*?)(?=\[|\Z)</c> and drops all else: text before the first tag, a section whose
/// tag is not one word, text after a '[' that opens no tag. Where it drops nothing, <see cref="Parse"/> gives the same
/// sections. Where it would drop text, the text is kept, and a warning says how:</para>
/// <list type="bullet">
/// <item>Text before the first tag is a section [verse]. Where it has no letter and no number (a dash, a note sign), it joins
/// the words of the first section.</item>
/// <item>A tag that is not one word, at the start of a line or right after a tag, at most <see cref="MaxRewrittenTagLength"/> characters, is
/// written with its letters and numbers only: [pre-chorus] is [prechorus], [Verse 1] is [Verse1].</item>
/// <item>Any other '[' is part of the words.</item>
/// </list>
/// <para>So every character of the (cleaned) lyrics that is not white space is in some section's
/// <see cref="LyricSection.WrittenTag"/> or <see cref="LyricSection.Words"/>, but for the brackets of tags.</para>
/// </remarks>
public static class LyricsParser
{
    /// <summary>The tag of text that has none.</summary>
    public const string AssumedTag = "verse";

    /// <summary>A longer text in brackets that is not one word is words, not a tag.</summary>
    public const int MaxRewrittenTagLength = 40;

    private const int MaxListed = 8;
    private const int MaxListedLength = 100;

    /// <summary>The sections of the lyrics, with user text cleaned by <see cref="UserText"/>.</summary>
    public static ParsedLyrics Parse(string lyrics)
    {
        var (text, cleaned) = UserText.Clean(lyrics, "lyrics");
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

        AddWarnings(sections, warnings);
        return new ParsedLyrics(sections, warnings);
    }

    /// <summary>The sections that the reference finds, with what it drops left out: what <see cref="Parse"/> is held
    /// against. The lyrics are taken as they are.</summary>
    public static IReadOnlyList<LyricSection> ParseAsReference(string lyrics)
    {
        List<LyricSection> sections = [];
        foreach (var tag in FindTags(lyrics).Where(tag => tag.IsOneWord))
        {
            var next = lyrics.IndexOf('[', tag.End);
            var words = PythonText.Strip(lyrics.AsSpan(tag.End..(next < 0 ? lyrics.Length : next)));
            sections.Add(new LyricSection(tag.Tag, words));
        }

        return sections;
    }

    /// <summary>The first few items, and how many more there are.</summary>
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

        var strays = sections.Sum(section => section.Words.Count(c => c == '['));
        if (strays > 0)
        {
            warnings.Add($"lyrics: {strays} '[' open(s) no tag and is part of the words");
        }

        var wordless = sections.Where(section => section.Words.Length == 0).ToList();
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

    private static IEnumerable<FoundTag> FindTags(string text)
    {
        var lastEnd = 0;
        for (var at = text.IndexOf('['); at >= 0;)
        {
            var tag = OneWordTagAt(text, at) ?? (IsAtLineStart(text, at, lastEnd) ? RewrittenTagAt(text, at) : null);
            if (tag is not null)
            {
                yield return tag;
                lastEnd = tag.End;
            }

            at = text.IndexOf('[', tag?.End ?? (at + 1));
        }
    }

    /// <summary>Whether only white space parts the bracket from the line's start or the end of the tag before it.</summary>
    private static bool IsAtLineStart(string text, int bracket, int lastTagEnd)
    {
        var i = bracket - 1;
        while (i >= lastTagEnd && text[i] is not ('\n' or '\r') && PythonText.IsSpace(text[i]))
        {
            i--;
        }

        return i < lastTagEnd || text[i] is '\n' or '\r';
    }

    /// <summary>A tag that the reference recognises, anywhere in a line.</summary>
    private static FoundTag? OneWordTagAt(string text, int bracket)
    {
        var end = bracket + 1;
        while (end < text.Length && Rune.TryGetRuneAt(text, end, out var rune) && PythonText.IsWord(rune))
        {
            end += rune.Utf16SequenceLength;
        }

        return end > bracket + 1 && end < text.Length && text[end] == ']'
            ? new FoundTag(bracket, end + 1, text[(bracket + 1)..end], text[(bracket + 1)..end])
            : null;
    }

    private static FoundTag? RewrittenTagAt(string text, int bracket)
    {
        var inside = text.AsSpan(bracket + 1);
        inside = inside[..Math.Min(inside.Length, MaxRewrittenTagLength + 1)];
        var length = inside.IndexOfAny("[]\r\n");
        if (length < 0 || inside[length] != ']')
        {
            return null;
        }

        // Underscores go too, so that "[start_of _segment]" does not become a prompt marker.
        var tag = new StringBuilder();
        foreach (var rune in inside[..length].EnumerateRunes())
        {
            if (PythonText.IsLetterOrNumber(rune))
            {
                tag.Append(rune.ToString());
            }
        }

        return tag.Length > 0
            ? new FoundTag(bracket, bracket + 1 + length + 1, inside[..length].ToString(), tag.ToString())
            : null;
    }

    /// <summary>A tag and where it stands: brackets included, <paramref name="End"/> excluded.</summary>
    private sealed record FoundTag(int Start, int End, string Written, string Tag)
    {
        public bool IsOneWord => Written == Tag;
    }
}
