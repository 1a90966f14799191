using System.Text.RegularExpressions;

namespace Yue.Engine.Families.Yue1.Text;

/// <summary>Recognizes common names of song sections: <c>Verse 1</c>, <c>pre-chorus</c>, <c>サビ</c>.</summary>
/// <remarks>A tag at the start of a line can have any name. These names are used only in ambiguous cases: brackets inside a line, long
/// tags, unclosed brackets, and headings without brackets.</remarks>
internal static partial class SectionName
{
    private const string Qualifiers =
        @"(?:(?:final|last|first|second|third|fourth|\d{1,2}(?:st|nd|rd|th)|pre|post|short|long|soft|big|double|half|extended|repeat|"
        + @"guitar|piano|drum|bass|sax|synth|string|vocal|spoken|melodic|male|female)[\s_-]*)*";

    private const string Names =
        @"(?:verses?|chorus|refrain|bridge|intro(?:duction)?|outro|hook|interlude|solo|break(?:down)?|build[\s_-]?up|drop|"
        + @"instrumental|rap|coda|vamp|theme|tag|end(?:ing)?|fade[\s_-]?out|"
        + @"verso|coro|estribillo|puente|strophe|couplet|pont|strofa|ritornello|ponte|куплет|припев|бридж|интро|аутро|"
        + @"主歌|副歌|前奏|间奏|間奏|尾奏|桥段|橋段|イントロ|アウトロ|サビ|[A-D]メロ|ブリッジ|벌스|코러스|후렴구?|브릿지|간주|전주)";

    private const string Numbers =
        @"(?:[\s_.#-]*(?:\d{1,2}|[ivx]{1,4}|[a-d]|one|two|three|four))?(?:\s*(?:[x×]\s*\d{1,2}|\d{1,2}\s*[x×]))?";

    private const string Name = Qualifiers + Names + Numbers;
    private const string Separator = @"\s*(?:[:：,;|(（–—/]|\s-)";

    /// <summary>Returns whether the whole text is a section name.</summary>
    public static bool Is(ReadOnlySpan<char> text) => WholeName().IsMatch(text.Trim());

    /// <summary>Returns the section name at the beginning of a longer text: <c>Chorus</c> for <c>Chorus: all, loud</c>. Null if the text
    /// does not begin with one, or if nothing separates it from the rest.</summary>
    public static string? DescribedIn(string text)
    {
        var match = DescribedName().Match(text);
        return match.Success ? match.Groups["name"].Value : null;
    }

    [GeneratedRegex("^" + Name + @"\z", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex WholeName();

    [GeneratedRegex(@"^\s*(?<name>" + Name + ")" + Separator, RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex DescribedName();
}
