using System.Globalization;
using System.Text;

namespace Yue.Engine.Families.Yue1.Text;

/// <summary>What Python's <c>\w</c> and <c>str.strip()</c> mean, which decide how the reference cuts lyrics. .NET's
/// <c>\w</c> takes combining marks and not ², its white space leaves out U+001C to U+001F.</summary>
internal static class PythonText
{
    /// <summary>Python's <c>str.isspace()</c>.</summary>
    public static bool IsSpace(char c) => char.IsWhiteSpace(c) || c is >= '\x1C' and <= '\x1F';

    /// <summary>Python's <c>\w</c>: letters, numbers of any kind and the underscore.</summary>
    public static bool IsWord(Rune rune) => rune.Value == '_' || IsLetterOrNumber(rune);

    /// <summary>Python's <c>str.isalnum()</c>.</summary>
    public static bool IsLetterOrNumber(Rune rune) => Rune.GetUnicodeCategory(rune)
        is UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
        or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter
        or UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber;

    /// <summary>Python's <c>str.strip()</c>.</summary>
    public static string Strip(ReadOnlySpan<char> text)
    {
        var (start, end) = Bounds(text);
        return text[start..end].ToString();
    }

    /// <summary>Returns what <c>str.strip()</c> leaves.</summary>
    public static (int Start, int End) Bounds(ReadOnlySpan<char> text)
    {
        var (start, end) = (0, text.Length);
        while (start < end && IsSpace(text[start]))
        {
            start++;
        }

        while (end > start && IsSpace(text[end - 1]))
        {
            end--;
        }

        return (start, end);
    }

    /// <summary>Returns true if the text is empty or all white space.</summary>
    public static bool IsBlank(ReadOnlySpan<char> text)
    {
        foreach (var c in text)
        {
            if (!IsSpace(c))
            {
                return false;
            }
        }

        return true;
    }
}
