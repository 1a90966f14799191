using System.Text.RegularExpressions;

namespace Yue.Engine.Families.Yue1.Text;

/// <summary>Converts lyrics in other notations (LRC and subtitle files, chord sheets, Markdown, and other kinds of brackets) into the form
/// that <see cref="LyricsParser"/> reads. A warning names every change.</summary>
/// <remarks>
/// <list type="bullet">
/// <item>A literal <c>\n</c> is a line break.</item>
/// <item>Time stamps, the metadata lines of LRC files, the number and time lines of subtitles, chords, and repeat marks such as [x2]
/// are left out.</item>
/// <item>Symbols around a tag (<c>**[Verse]**</c>, <c>- [Verse]</c>) and brackets inside a tag are removed. Full-width brackets around a
/// tag become square ones. A line in brackets that is too long for a tag and does not begin with a section name is also removed.</item>
/// <item>HTML, other notes, and lines that look like headings without brackets are sung, and a warning names them.</item>
/// </list>
/// </remarks>
internal static partial class LyricsMarkup
{
    private const string Opening = "[［【〔〖";
    private const string Closing = "]］】〕〗";

    // Markdown and quotation marks around a tag, which are not part of the words.
    private const string Marks = "*_~`\"'“”‘’«»:：.\\#>-–—•|";

    /// <summary>Rewrites cleaned lyrics (<see cref="UserText"/>). The result must be cleaned again, because a rewritten tag can look like a
    /// prompt marker.</summary>
    public static TracedText Rewrite(TracedText lyrics, TextFindings findings)
    {
        var text = lyrics.Replace(LiteralLineEnd(), match =>
        {
            findings.Add(FindingKind.LiteralLineEnd, match.Value, lyrics.Origin(match.Index, match.Index + match.Length));
            return "\n";
        });
        List<TracedText> lines = [];
        foreach (var line in text.Lines())
        {
            if (IsFileLine(line.Text))
            {
                Add(findings, FindingKind.FileLine, line);
                DropCueNumber(lines, line.Text);
                continue;
            }

            var rewritten = RewriteTag(LeaveOutNotes(line, findings), findings);
            if (rewritten.Length > 0 || PythonText.IsBlank(line.Text))
            {
                lines.Add(rewritten);
                NoteSuspicious(rewritten, findings);
            }
        }

        return Join(lines);
    }

    private static TracedText Join(List<TracedText> lines)
    {
        var text = new TracedText.Builder();
        foreach (var (i, line) in lines.Index())
        {
            if (i > 0)
            {
                text.AppendLineEnd();
            }

            text.Append(line);
        }

        return text.Build();
    }

    /// <summary>Adds a finding about text, without the white space around the text.</summary>
    private static void Add(TextFindings findings, FindingKind kind, TracedText text)
    {
        var trimmed = text.Trim();
        findings.Add(kind, trimmed.Text, trimmed.Origin());
    }

    /// <summary>Returns whether a line is part of the file format rather than of the song.</summary>
    private static bool IsFileLine(string line) => Metadata().IsMatch(line) || Cue().IsMatch(line);

    /// <summary>Removes the number above the times of a subtitle.</summary>
    private static void DropCueNumber(List<TracedText> lines, string line)
    {
        if (lines is [.., { Length: > 0 } last] && last.Text.All(char.IsAsciiDigit) && Cue().IsMatch(line))
        {
            lines.RemoveAt(lines.Count - 1);
        }
    }

    /// <summary>Leaves out time stamps, chords and repeat marks.</summary>
    private static TracedText LeaveOutNotes(TracedText line, TextFindings findings)
    {
        var without = LeaveOut(line, TimeStamp(), FindingKind.TimeStamp, findings);

        // A single letter in brackets, alone on its line, is the name of a section: [A].
        without = LetterAlone().IsMatch(without.Text) ? without : LeaveOut(without, Chord(), FindingKind.Note, findings);
        without = LeaveOut(without, Repeat(), FindingKind.Note, findings);
        return without.Length == line.Length ? line : without.Replace(Spaces(), _ => " ").Trim();
    }

    private static TracedText LeaveOut(TracedText line, Regex pattern, FindingKind kind, TextFindings findings) =>
        line.Replace(pattern, match =>
        {
            Add(findings, kind, line.Slice(match.Index, match.Index + match.Length));
            return "";
        });

    /// <summary>Rewrites a tag at the start of the line in its plain form: <c>[tag]</c> and the rest of the line. Leaves out a line in
    /// brackets that is too long for a tag and does not begin with a section name.</summary>
    private static TracedText RewriteTag(TracedText traced, TextFindings findings)
    {
        var line = traced.Text;
        var open = line.AsSpan().IndexOfAny(Opening);
        if (open < 0 || !IsBeforeTag(line.AsSpan(0, open)))
        {
            return traced;
        }

        var close = ClosingBracket(line, open);
        var inside = close < 0 ? WithoutMarksAtEnd(traced.Slice(open + 1, line.Length).Trim()) : traced.Slice(open + 1, close);
        var content = inside.Text;
        var rest = close < 0 ? "" : line[(close + 1)..];
        var isAlone = rest.All(c => PythonText.IsSpace(c) || Marks.Contains(c, StringComparison.Ordinal));
        var isName = SectionName.Is(content) || SectionName.DescribedIn(content) is not null;
        if (!UnicodeText.HasLetterOrNumber(content) || (close < 0 && !SectionName.Is(content)))
        {
            return traced;
        }

        if (isAlone && !isName && content.Length > LyricsParser.MaxRewrittenTagLength)
        {
            Add(findings, FindingKind.Note, traced);
            return traced.Slice(0, 0);
        }

        var isPlain = close >= 0 && PythonText.IsBlank(line.AsSpan(0, open)) && line[open] == '[' && line[close] == ']'
            && content.AsSpan().IndexOfAny(Opening + Closing) < 0 && (!isAlone || PythonText.IsBlank(rest));
        if (isPlain || !(isAlone || isName))
        {
            return traced;
        }

        var written = traced.Slice(0, close < 0 ? line.Length : close + 1);
        var tag = Tag(inside, written.Trim());
        findings.Add(FindingKind.TagNotation, $"{written.Text.Trim()} as {tag.Build().Text}", written.Trim().Origin());
        if (!isAlone)
        {
            tag.Append(traced.Slice(written.Length, line.Length));
        }

        return tag.Build();
    }

    /// <summary>Returns a tag in its plain form, without brackets inside.</summary>
    /// <param name="inside">The text of the tag.</param>
    /// <param name="written">The tag as it is written, with the symbols around it.</param>
    private static TracedText.Builder Tag(TracedText inside, TracedText written)
    {
        var place = written.Origin();
        var tag = new TracedText.Builder();
        tag.Append('[', new(place.Start, inside.Origin().Start));
        tag.Append(inside.Select(c => (Opening + Closing).Contains(c, StringComparison.Ordinal) ? ' ' : c).Trim());
        tag.Append(']', new(inside.Origin().End, place.End));
        return tag;
    }

    private static TracedText WithoutMarksAtEnd(TracedText text) => text.Slice(0, text.Text.TrimEnd(Marks.ToCharArray()).Length);

    /// <summary>Returns whether the text before a bracket can be ignored: symbols, or the number of a list item.</summary>
    private static bool IsBeforeTag(ReadOnlySpan<char> text) =>
        !UnicodeText.HasLetterOrNumber(text.ToString()) || ListNumber().IsMatch(text);

    /// <summary>Returns the position of the bracket that closes the one at <paramref name="open"/>; -1 if there is none.</summary>
    private static int ClosingBracket(string line, int open)
    {
        var depth = 0;
        for (var i = open; i < line.Length; i++)
        {
            depth += Opening.Contains(line[i], StringComparison.Ordinal) ? 1 : Closing.Contains(line[i], StringComparison.Ordinal) ? -1 : 0;
            if (depth == 0)
            {
                return i;
            }
        }

        return -1;
    }

    private static void NoteSuspicious(TracedText line, TextFindings findings)
    {
        var traced = line.Trim();
        var trimmed = traced.Text;
        if (trimmed.Length > 0 && trimmed[0] != '[' && (Heading().Match(trimmed) is { Success: true } heading
            && SectionName.Is(heading.Groups["name"].ValueSpan)))
        {
            Add(findings, FindingKind.SungAsWords, traced);
            return;
        }

        if (ChordLine().IsMatch(trimmed) || BareTime().IsMatch(trimmed))
        {
            Add(findings, FindingKind.SungAsWords, traced);
        }

        foreach (Match match in Note().Matches(trimmed))
        {
            Add(findings, FindingKind.SungAsWords, traced.Slice(match.Index, match.Index + match.Length));
        }
    }

    [GeneratedRegex(@"(?:\\r)?\\n")]
    private static partial Regex LiteralLineEnd();

    [GeneratedRegex(
        @"^\s*\[\s*(?:(?:ti|ar|al|au|lr|by|re|ve|id|offset|length|tool|encoding|kana|#)\s*:[^\]]*|la\s*:\s*[A-Za-z-]{2,5})\]\s*\z",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Metadata();

    /// <summary>Matches a line of times in a subtitle file (SRT, WebVTT), or the first line of a WebVTT file.</summary>
    [GeneratedRegex(@"^\s*(?:(?:\d{1,2}:)?\d{1,2}:\d{2}[.,]\d{1,3}\s*-->.*|WEBVTT\b.*)\z")]
    private static partial Regex Cue();

    [GeneratedRegex(
        @"\[\s*\d{1,3}:\d{1,2}(?:[.:,]\d{1,3})?\s*\]|<\d{1,3}:\d{1,2}(?:[.:,]\d{1,3})?>|[(（]\d{1,3}:\d{2}(?:[.:,]\d{1,3})?[)）]")]
    private static partial Regex TimeStamp();

    private const string ChordName =
        @"[A-G][#b♯♭]?(?:maj|min|dim|aug|sus|add|m|M|°|ø|\+)?\d{0,2}(?:(?:maj|sus|add|dim|[b#♭♯])\d{1,2}){0,2}(?:/[A-G][#b♯♭]?)?";

    [GeneratedRegex(@"\[" + ChordName + @"\]")]
    private static partial Regex Chord();

    [GeneratedRegex(@"^\s*\[[A-G]\]\s*\z")]
    private static partial Regex LetterAlone();

    [GeneratedRegex(@"\s*[\[［【]\s*(?:[x×]\s*\d{1,2}|\d{1,2}\s*[x×])\s*[\]］】]", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Repeat();

    [GeneratedRegex(" {2,}")]
    private static partial Regex Spaces();

    [GeneratedRegex(@"^\s*\d{1,2}[.)]\s*\z")]
    private static partial Regex ListNumber();

    /// <summary>Matches a line that may contain a section name: formatted as a heading, followed by a colon, or alone on the
    /// line.</summary>
    [GeneratedRegex(
        @"^(?:[#*_=~(（<{|>-]+\s*(?<name>[^:：()（）<>{}*_=~|-]+(?:-[^:：()（）<>{}*_=~|-]+)?)[:：)）>}*_=~|\s-]*|"
        + @"(?<name>[^:：]{3,40})[:：].*|(?<name>[\w -]{3,20}))\z")]
    private static partial Regex Heading();

    /// <summary>Matches a line that contains only chords: two or more, at least one of which is longer than one letter.</summary>
    [GeneratedRegex(@"^(?=.*[A-G][#b♯♭mMdas\d/])" + ChordName + @"(?:[\s|,-]+" + ChordName + @")+\z")]
    private static partial Regex ChordLine();

    [GeneratedRegex(@"^\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d{1,3})?(?:\s|\z)")]
    private static partial Regex BareTime();

    /// <summary>Matches HTML tags and entities, repeat marks in parentheses, directions between asterisks, and web addresses.</summary>
    [GeneratedRegex(
        @"</?[A-Za-z][A-Za-z0-9]*(?:\s[^<>]*)?/?>|&(?:[A-Za-z]{2,8}|#\d{1,6});|[(（]\s*(?:[x×]\s*\d{1,2}|\d{1,2}\s*[x×])\s*[)）]|"
        + @"(?<![\w*])\*{1,3}(?=\S)[^*\n]{1,60}(?<=\S)\*{1,3}(?![\w*])|https?://\S+",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Note();
}
