using System.Text;
using System.Text.RegularExpressions;
using Yue.Engine.Tokens;

namespace Yue.Engine.Text;

/// <summary>A text of a user that is safe to put into a prompt, and what was changed.</summary>
/// <param name="Text">The text; it holds no control token, prompt marker, lone surrogate or control character.</param>
/// <param name="Warnings">What was changed, in plain words; empty where nothing was.</param>
public sealed record CleanText(string Text, IReadOnlyList<string> Warnings);

/// <summary>Takes the power of control from what users type (SERVICE.md 5), so that it is read as words.</summary>
/// <remarks>
/// <list type="bullet">
/// <item>A control token's name (<c>&lt;EOA&gt;</c>) and a prompt marker (<c>[start_of_segment]</c>) swap their brackets
/// for round ones: <c>(EOA)</c>, <c>(start_of_segment)</c>. The words stay readable; the text encodes to no control id and
/// not to the marker's ids, because both need the brackets. Nothing is joined by it, so no new token or marker arises.</item>
/// <item>A NUL, any other control character but tab and line ends, and a half of a surrogate pair become a space.</item>
/// <item>A byte-order mark at the start is dropped; it is no text.</item>
/// </list>
/// Cleaning a clean text changes nothing.
/// </remarks>
public static partial class UserText
{
    /// <summary>The bracketed words that mark segments and references in a prompt. They are plain text to the tokenizer,
    /// but the model reads their ids as structure (MODEL.md 10).</summary>
    public static IReadOnlyList<string> PromptMarkers { get; } =
        [PromptBuilder.StartOfSegment, PromptBuilder.EndOfSegment, PromptBuilder.StartOfReference, PromptBuilder.EndOfReference];

    /// <summary>Cleans one field.</summary>
    /// <param name="text">What the user typed.</param>
    /// <param name="field">The name of the field, for the warnings.</param>
    public static CleanText Clean(string text, string field)
    {
        ArgumentNullException.ThrowIfNull(text);
        List<string> warnings = [];
        var clean = new StringBuilder(text.Length);
        var replaced = 0;
        for (var i = text is ['\uFEFF', ..] ? 1 : 0; i < text.Length; i++)
        {
            if (i + 1 < text.Length && char.IsSurrogatePair(text[i], text[i + 1]))
            {
                clean.Append(text, i++, 2);
            }
            else if (char.IsSurrogate(text[i]) || (char.IsControl(text[i]) && text[i] is not ('\t' or '\n' or '\r')))
            {
                clean.Append(' ');
                replaced++;
            }
            else
            {
                clean.Append(text[i]);
            }
        }

        if (replaced > 0)
        {
            warnings.Add($"{field}: {replaced} control character(s) or broken Unicode character(s) were replaced by spaces");
        }

        SortedSet<string> neutralised = new(StringComparer.Ordinal);
        var words = Bracketed().Replace(clean.ToString(), match =>
        {
            if (!TokenMap.ControlTokens.ContainsKey(match.Value) && !PromptMarkers.Contains(match.Value))
            {
                return match.Value;
            }

            neutralised.Add(match.Value);
            return $"({match.ValueSpan[1..^1]})";
        });
        if (neutralised.Count > 0)
        {
            warnings.Add(
                $"{field}: {string.Join(", ", neutralised)} would steer the model; sung as words, in round brackets");
        }

        return new CleanText(words, warnings);
    }

    /// <summary>Everything that has the form of a control token or a prompt marker.</summary>
    [GeneratedRegex(@"</?[A-Za-z0-9_]+>|\[[a-z_]+\]")]
    private static partial Regex Bracketed();
}
