using System.Text.RegularExpressions;
using Yue.Engine.Families.Yue1.Tokens;
using Yue.Engine.Songs;
using Yue.Engine.Text;

namespace Yue.Engine.Families.Yue1.Text;

/// <summary>A user's text, made safe for a prompt, and warnings about the changes.</summary>
/// <param name="Text">The text in normalization form C with line feeds as line breaks. It contains no control token, prompt marker, lone
/// surrogate, invisible character, or control character except tabs and line feeds.</param>
/// <param name="Warnings">Warnings about the changes, in plain words; empty if there are none.</param>
public sealed record CleanText(string Text, IReadOnlyList<string> Warnings);

/// <summary>Normalizes users' text for the models, and removes parts that could control them.</summary>
/// <remarks>
/// <list type="bullet">
/// <item>CRLF, CR and Unicode's line and paragraph separators become LF. Text is converted to normalization form C.</item>
/// <item>Invisible characters (<see cref="UnicodeText.IsInvisible"/>) are left out. Control characters (including NUL, but not tabs and
/// line breaks) and unpaired surrogates become spaces.</item>
/// <item>The name of a control token (<c>&lt;EOA&gt;</c>) or a prompt marker (<c>[start_of_segment]</c>) gets parentheses instead of its
/// brackets: <c>(EOA)</c>, <c>(start_of_segment)</c>. The words stay readable, and the text does not encode to a control id or to the
/// marker's ids, because both need the original brackets. Nothing is joined, so no new token or marker can appear.</item>
/// </list>
/// Cleaning text that is already clean does not change it.
/// </remarks>
public static partial class UserText
{
    /// <summary>The bracketed words that mark segments and references in a prompt. They are plain text to the tokenizer, but the model
    /// treats their ids as structure (docs/model.md 10).</summary>
    public static IReadOnlyList<string> PromptMarkers { get; } =
        [PromptBuilder.StartOfSegment, PromptBuilder.EndOfSegment, PromptBuilder.StartOfReference, PromptBuilder.EndOfReference];

    /// <summary>Cleans one field.</summary>
    /// <param name="text">The text as the user typed it.</param>
    /// <param name="field">The name of the field, for the warnings.</param>
    public static CleanText Clean(string text, string field)
    {
        ArgumentNullException.ThrowIfNull(text);
        var findings = new TextFindings(field);
        return new CleanText(Clean(TracedText.Of(text), findings).Text, findings.Warnings);
    }

    /// <summary>Returns the findings of cleaning one field.</summary>
    /// <param name="text">The text as the user typed it.</param>
    /// <param name="field">The name of the field.</param>
    public static IReadOnlyList<SongFinding> Check(string text, string field)
    {
        var findings = new TextFindings(field);
        Clean(TracedText.Of(text), findings);
        return findings.All;
    }

    /// <summary>Cleans text, and adds the changes to the findings.</summary>
    internal static TracedText Clean(TracedText text, TextFindings findings) =>
        Neutralize(Normalize(CleanCharacters(text, findings)), findings);

    private static TracedText CleanCharacters(TracedText traced, TextFindings findings)
    {
        var text = traced.Text;
        var clean = new TracedText.Builder();
        for (var i = text is ['\uFEFF', ..] ? 1 : 0; i < text.Length; i++)
        {
            var c = text[i];
            if (i + 1 < text.Length && char.IsSurrogatePair(c, text[i + 1]))
            {
                clean.Append(traced.Slice(i, ++i + 1));
            }
            else if (c is '\r' or '\u2028' or '\u2029')
            {
                var first = i;
                i += c == '\r' && i + 1 < text.Length && text[i + 1] == '\n' ? 1 : 0;
                clean.Append('\n', traced.Origin(first, i + 1));
            }
            else if (UnicodeText.IsInvisible(c))
            {
                findings.Add(FindingKind.InvisibleCharacter, "", traced.Origin(i, i + 1));
            }
            else if (char.IsSurrogate(c) || (char.IsControl(c) && c is not ('\t' or '\n')))
            {
                clean.Append(' ', traced.Origin(i, i + 1));
                findings.Add(FindingKind.ControlCharacter, "", traced.Origin(i, i + 1));
            }
            else
            {
                clean.Append(c, traced.Origin(i, i + 1));
            }
        }

        return clean.Build();
    }

    /// <summary>Converts text to normalization form C. A character below U+0300 never composes with a preceding one, so parts that begin
    /// with such characters are normalized separately. In a part that changes, all UTF-16 units between its unchanged beginning and its
    /// unchanged end get the same position.</summary>
    private static TracedText Normalize(TracedText traced)
    {
        if (Normalization.ToNfc(traced.Text) == traced.Text)
        {
            return traced;
        }

        var normalized = new TracedText.Builder();
        for (int start = 0, end; start < traced.Length; start = end)
        {
            for (end = start + 1; end < traced.Length && traced.Text[end] >= Normalization.FirstCombiningMark;)
            {
                end++;
            }

            AppendNormalized(normalized, traced.Slice(start, end));
        }

        return normalized.Build();
    }

    private static void AppendNormalized(TracedText.Builder normalized, TracedText part)
    {
        var text = Normalization.ToNfc(part.Text);
        var before = part.Text.AsSpan().CommonPrefixLength(text);
        var after = 0;
        while (after < Math.Min(part.Length, text.Length) - before && part.Text[^(after + 1)] == text[^(after + 1)])
        {
            after++;
        }

        normalized.Append(part.Slice(0, before));
        normalized.Append(text[before..^after], part.Origin(before, part.Length - after));
        normalized.Append(part.Slice(part.Length - after, part.Length));
    }

    private static TracedText Neutralize(TracedText text, TextFindings findings) => text.Replace(Bracketed(), match =>
    {
        if (!TokenMap.ControlTokens.ContainsKey(match.Value) && !PromptMarkers.Contains(match.Value))
        {
            return match.Value;
        }

        findings.Add(FindingKind.ControlToken, match.Value, text.Origin(match.Index, match.Index + match.Length));
        return $"({match.ValueSpan[1..^1]})";
    });

    /// <summary>Matches everything that looks like a control token or a prompt marker.</summary>
    [GeneratedRegex(@"</?[A-Za-z0-9_]+>|\[[a-z_]+\]")]
    private static partial Regex Bracketed();
}
