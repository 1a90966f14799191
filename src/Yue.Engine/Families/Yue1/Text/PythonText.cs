using System.Globalization;
using System.Text;

namespace Yue.Engine.Families.Yue1.Text;

/// <summary>Python's <c>\w</c> and <c>str.strip()</c>, which the reference uses to split lyrics. In contrast, .NET's <c>\w</c> matches
/// combining marks but not ², and its white space does not include U+001C to U+001F.</summary>
internal static class PythonText
{
    /// <summary>Returns the value of Python's <c>str.isspace()</c> for a character.</summary>
    public static bool IsSpace(char c) => char.IsWhiteSpace(c) || c is >= '\x1C' and <= '\x1F';

    /// <summary>Returns whether Python's <c>\w</c> matches a character: letters, numbers of any kind and the underscore.</summary>
    public static bool IsWord(Rune rune) => rune.Value == '_' || IsLetterOrNumber(rune);

    /// <summary>Returns the value of Python's <c>str.isalnum()</c> for a character.</summary>
    public static bool IsLetterOrNumber(Rune rune) => Rune.GetUnicodeCategory(rune)
        is UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
        or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter
        or UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber;

    /// <summary>Removes white space from both ends, as Python's <c>str.strip()</c> does.</summary>
    public static string Strip(ReadOnlySpan<char> text)
    {
        var (start, end) = Bounds(text);
        return text[start..end].ToString();
    }

    /// <summary>Returns the range that <c>str.strip()</c> keeps.</summary>
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

    /// <summary>Returns true if the text is empty or only white space.</summary>
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
