using System.Text.RegularExpressions;

namespace Yue.Engine.Families.Yue1.Text;

/// <summary>Brings lyrics in other notations into the form that <see cref="LyricsParser"/> cuts: LRC and subtitle files,
/// chord sheets, markdown, brackets of other kinds. Every change is in a warning.</summary>
/// <remarks>
/// <list type="bullet">
/// <item>A literal <c>\n</c> is a line end.</item>
/// <item>Time stamps, the metadata lines of LRC files, chords and repeat marks such as [x2] are left out.</item>
/// <item>Signs around a tag (<c>**[Verse]**</c>, <c>- [Verse]</c>), inner brackets and full-width brackets are removed. So is the
/// rest of a line in brackets that is too long for a tag and begins with no section name.</item>
/// <item>Lines that look like headings without brackets, HTML and other notes are sung, and a warning names them.</item>
/// </list>
/// </remarks>
internal static partial class LyricsMarkup
{
    private const string Opening = "[［【〔〖";
    private const string Closing = "]］】〕〗";

    // Marks of markdown and quotation around a tag. They are no part of the words.
    private const string Marks = "*_~`\"'“”‘’«»:：.\\#>-–—•|";

    /// <summary>Rewrites cleaned lyrics (<see cref="UserText"/>). The result has to be cleaned again, because a rewritten tag
    /// can have the form of a prompt marker.</summary>
    public static CleanText Rewrite(string lyrics)
    {
        var found = new Findings();
        var text = lyrics;
        if (text.Contains("\\n", StringComparison.Ordinal))
        {
            text = text.Replace("\\r\\n", "\n", StringComparison.Ordinal).Replace("\\n", "\n", StringComparison.Ordinal);
            found.LiteralLineEnds = true;
        }

        List<string> lines = [];
        foreach (var line in text.Split('\n'))
        {
            if (IsFileLine(line))
            {
                found.FileLines.Add(line.Trim());
                DropCueNumber(lines, line);
                continue;
            }

            var rewritten = RewriteTag(LeaveOutNotes(line, found), found);
            if (rewritten.Length > 0 || PythonText.IsBlank(line))
            {
                lines.Add(rewritten);
                NoteSuspicious(rewritten, found);
            }
        }

        return new CleanText(string.Join('\n', lines), found.Warnings());
    }

    /// <summary>Returns whether a line belongs to the file format, not to the song.</summary>
    private static bool IsFileLine(string line) => Metadata().IsMatch(line) || Cue().IsMatch(line);

    /// <summary>Removes the number above a subtitle's times.</summary>
    private static void DropCueNumber(List<string> lines, string line)
    {
        if (lines is [.., var last] && last.Length > 0 && last.All(char.IsAsciiDigit) && Cue().IsMatch(line))
        {
            lines.RemoveAt(lines.Count - 1);
        }
    }

    /// <summary>Leaves out time stamps, chords and repeat marks.</summary>
    private static string LeaveOutNotes(string line, Findings found)
    {
        var without = TimeStamp().Replace(line, match => LeaveOut(match, found.TimeStamps));

        // A single letter on a line of its own is the name of a section: [A].
        without = LetterAlone().IsMatch(without) ? without : Chord().Replace(without, match => LeaveOut(match, found.Notes));
        without = Repeat().Replace(without, match => LeaveOut(match, found.Notes));
        return without.Length == line.Length ? line : Spaces().Replace(without, " ").Trim();
    }

    /// <summary>Notes a match that is left out; replaces it by nothing.</summary>
    private static string LeaveOut(Match match, List<string> findings)
    {
        findings.Add(match.Value.Trim());
        return "";
    }

    /// <summary>Brings a tag at the start of the line into its plain form: <c>[tag]</c> and what follows.</summary>
    private static string RewriteTag(string line, Findings found)
    {
        var open = line.AsSpan().IndexOfAny(Opening);
        if (open < 0 || !IsBeforeTag(line.AsSpan(0, open)))
        {
            return line;
        }

        var close = ClosingBracket(line, open);
        var content = close < 0 ? line[(open + 1)..].Trim().TrimEnd(Marks.ToCharArray()) : line[(open + 1)..close];
        var rest = close < 0 ? "" : line[(close + 1)..];
        var isAlone = rest.All(c => PythonText.IsSpace(c) || Marks.Contains(c, StringComparison.Ordinal));
        var isName = SectionName.Is(content) || SectionName.DescribedIn(content) is not null;
        if (!UnicodeText.HasLetterOrNumber(content) || (close < 0 && !SectionName.Is(content)))
        {
            return line;
        }

        if (isAlone && !isName && content.Length > LyricsParser.MaxRewrittenTagLength)
        {
            found.Notes.Add(line.Trim());
            return "";
        }

        var isPlain = close >= 0 && PythonText.IsBlank(line.AsSpan(0, open)) && line[open] == '[' && line[close] == ']'
            && content.AsSpan().IndexOfAny(Opening + Closing) < 0 && (!isAlone || PythonText.IsBlank(rest));
        if (isPlain || !(isAlone || isName))
        {
            return line;
        }

        var tag = $"[{string.Concat(content.Select(c => (Opening + Closing).Contains(c, StringComparison.Ordinal) ? ' ' : c)).Trim()}]";
        found.Tags.Add($"{line[..(close < 0 ? line.Length : close + 1)].Trim()} as {tag}");
        return isAlone ? tag : tag + rest;
    }

    /// <summary>Returns whether text before a bracket leaves it at the start of the line: signs, or the number of a list item.</summary>
    private static bool IsBeforeTag(ReadOnlySpan<char> text) =>
        !UnicodeText.HasLetterOrNumber(text.ToString()) || ListNumber().IsMatch(text);

    /// <summary>Returns the place of the bracket that closes the one at <paramref name="open"/>; -1 if there is none.</summary>
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

    private static void NoteSuspicious(string line, Findings found)
    {
        var trimmed = line.Trim();
        if (trimmed.Length > 0 && trimmed[0] != '[' && (Heading().Match(trimmed) is { Success: true } heading
            && SectionName.Is(heading.Groups["name"].ValueSpan)))
        {
            found.Suspicious.Add(trimmed);
            return;
        }

        if (ChordLine().IsMatch(trimmed) || BareTime().IsMatch(trimmed))
        {
            found.Suspicious.Add(trimmed);
        }

        found.Suspicious.AddRange(Note().Matches(trimmed).Select(match => match.Value));
    }

    [GeneratedRegex(
        @"^\s*\[\s*(?:(?:ti|ar|al|au|lr|by|re|ve|id|offset|length|tool|encoding|kana|#)\s*:[^\]]*|la\s*:\s*[A-Za-z-]{2,5})\]\s*\z",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Metadata();

    /// <summary>A line of times in a subtitle file (SRT, WebVTT), or its first line.</summary>
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

    /// <summary>A line that consists of a name in the form of a heading, or begins with a name and a colon.</summary>
    [GeneratedRegex(
        @"^(?:[#*_=~(（<{|>-]+\s*(?<name>[^:：()（）<>{}*_=~|-]+(?:-[^:：()（）<>{}*_=~|-]+)?)[:：)）>}*_=~|\s-]*|"
        + @"(?<name>[^:：]{3,40})[:：].*|(?<name>[\w -]{3,20}))\z")]
    private static partial Regex Heading();

    /// <summary>A line of two or more chords and nothing else, one of which is more than a letter.</summary>
    [GeneratedRegex(@"^(?=.*[A-G][#b♯♭mMdas\d/])" + ChordName + @"(?:[\s|,-]+" + ChordName + @")+\z")]
    private static partial Regex ChordLine();

    [GeneratedRegex(@"^\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d{1,3})?(?:\s|\z)")]
    private static partial Regex BareTime();

    /// <summary>HTML tags and entities, repeat marks in round brackets, directions between stars, web addresses.</summary>
    [GeneratedRegex(
        @"</?[A-Za-z][A-Za-z0-9]*(?:\s[^<>]*)?/?>|&(?:[A-Za-z]{2,8}|#\d{1,6});|[(（]\s*(?:[x×]\s*\d{1,2}|\d{1,2}\s*[x×])\s*[)）]|"
        + @"(?<![\w*])\*{1,3}(?=\S)[^*\n]{1,60}(?<=\S)\*{1,3}(?![\w*])|https?://\S+",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Note();

    /// <summary>The notations found in the lyrics, for the warnings.</summary>
    private sealed class Findings
    {
        public bool LiteralLineEnds { get; set; }

        public List<string> FileLines { get; } = [];

        public List<string> TimeStamps { get; } = [];

        public List<string> Notes { get; } = [];

        public List<string> Tags { get; } = [];

        public List<string> Suspicious { get; } = [];

        public List<string> Warnings()
        {
            List<string> warnings = [];
            if (LiteralLineEnds)
            {
                warnings.Add("lyrics: a backslash and an n were read as a line end; send real line ends");
            }

            Add(FileLines, "lyrics: lines that describe the file are left out: ", "");
            Add(TimeStamps, "lyrics: time stamps are left out: ", "");
            Add(Notes, "lyrics: notes in brackets are left out: ", "; write repeated lines in full");
            Add(Tags, "lyrics: read ", "");
            Add(
                Suspicious, "lyrics: sung as words: ",
                "; put the names of sections into [square brackets], and take out what should not be sung");
            return warnings;

            void Add(List<string> items, string before, string after)
            {
                if (items.Count > 0)
                {
                    warnings.Add($"{before}{LyricsParser.Listed(items.Distinct())}{after}");
                }
            }
        }
    }
}
