using System.Text;
using System.Text.RegularExpressions;
using Yue.Engine.Families.Yue1.Tokens;
using Yue.Engine.Text;

namespace Yue.Engine.Families.Yue1.Text;

/// <summary>A user's text that is safe to put into a prompt, and what was changed.</summary>
/// <param name="Text">The text in normalization form C with line feeds as line ends. It holds no control token, prompt
/// marker, lone surrogate, control character or invisible character.</param>
/// <param name="Warnings">Warnings about the changes, in plain words; empty if there are none.</param>
public sealed record CleanText(string Text, IReadOnlyList<string> Warnings);

/// <summary>Brings users' text into the form that models read, and removes what could steer them.</summary>
/// <remarks>
/// <list type="bullet">
/// <item>CRLF, CR and Unicode's line and paragraph separators become LF. Text is brought into normalization form C.</item>
/// <item>Invisible characters (<see cref="UnicodeText.IsInvisible"/>) are left out. A NUL, any other control character but
/// tab and line ends, and half of a surrogate pair become a space.</item>
/// <item>The name of a control token (<c>&lt;EOA&gt;</c>) or a prompt marker (<c>[start_of_segment]</c>) gets round
/// brackets: <c>(EOA)</c>, <c>(start_of_segment)</c>. The words stay readable; the text encodes to no control id and
/// not to the marker's ids, because both need the original brackets. This joins nothing, so no new token or marker arises.</item>
/// </list>
/// Cleaning a clean text changes nothing.
/// </remarks>
public static partial class UserText
{
    /// <summary>The bracketed words that mark segments and references in a prompt. They are plain text to the tokenizer,
    /// but the model reads their ids as structure (docs/model.md 10).</summary>
    public static IReadOnlyList<string> PromptMarkers { get; } =
        [PromptBuilder.StartOfSegment, PromptBuilder.EndOfSegment, PromptBuilder.StartOfReference, PromptBuilder.EndOfReference];

    /// <summary>Cleans one field.</summary>
    /// <param name="text">The text as the user typed it.</param>
    /// <param name="field">The name of the field, for the warnings.</param>
    public static CleanText Clean(string text, string field)
    {
        ArgumentNullException.ThrowIfNull(text);
        List<string> warnings = [];
        return new CleanText(Neutralize(Normalization.ToNfc(CleanCharacters(text, field, warnings)), field, warnings), warnings);
    }

    private static string CleanCharacters(string text, string field, List<string> warnings)
    {
        var clean = new StringBuilder(text.Length);
        var (replaced, invisible) = (0, 0);
        for (var i = text is ['\uFEFF', ..] ? 1 : 0; i < text.Length; i++)
        {
            var c = text[i];
            if (i + 1 < text.Length && char.IsSurrogatePair(c, text[i + 1]))
            {
                clean.Append(text, i++, 2);
            }
            else if (c is '\r' or '\u2028' or '\u2029')
            {
                clean.Append('\n');
                i += c == '\r' && i + 1 < text.Length && text[i + 1] == '\n' ? 1 : 0;
            }
            else if (UnicodeText.IsInvisible(c))
            {
                invisible++;
            }
            else if (char.IsSurrogate(c) || (char.IsControl(c) && c is not ('\t' or '\n')))
            {
                clean.Append(' ');
                replaced++;
            }
            else
            {
                clean.Append(c);
            }
        }

        if (replaced > 0)
        {
            warnings.Add($"{field}: {replaced} control character(s) or broken Unicode character(s) were replaced by spaces");
        }

        if (invisible > 0)
        {
            warnings.Add($"{field}: {invisible} invisible character(s) were left out");
        }

        return clean.ToString();
    }

    private static string Neutralize(string text, string field, List<string> warnings)
    {
        SortedSet<string> neutralized = new(StringComparer.Ordinal);
        var words = Bracketed().Replace(text, match =>
        {
            if (!TokenMap.ControlTokens.ContainsKey(match.Value) && !PromptMarkers.Contains(match.Value))
            {
                return match.Value;
            }

            neutralized.Add(match.Value);
            return $"({match.ValueSpan[1..^1]})";
        });
        if (neutralized.Count > 0)
        {
            warnings.Add(
                $"{field}: {string.Join(", ", neutralized)} would steer the model; sung as words, in round brackets");
        }

        return words;
    }

    /// <summary>Everything that has the form of a control token or a prompt marker.</summary>
    [GeneratedRegex(@"</?[A-Za-z0-9_]+>|\[[a-z_]+\]")]
    private static partial Regex Bracketed();
}
