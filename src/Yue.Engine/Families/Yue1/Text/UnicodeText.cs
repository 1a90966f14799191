using System.Globalization;
using System.Text;

namespace Yue.Engine.Families.Yue1.Text;

/// <summary>Classifies characters in lyrics.</summary>
internal static class UnicodeText
{
    /// <summary>Returns whether a character has no width and no meaning in lyrics: zero-width spaces, soft hyphens, direction marks, and
    /// byte order marks. Joiners (U+200C, U+200D) are not included: Persian, Indic scripts and emoji need them.</summary>
    public static bool IsInvisible(char c) => c
        is '\u00AD' or '\u061C' or '\u180E' or '\u200B' or '\u200E' or '\u200F' or (>= '\u202A' and <= '\u202E')
        or (>= '\u2060' and <= '\u206F') or '\uFEFF';

    /// <summary>Returns whether a character is a combining mark of any kind.</summary>
    public static bool IsMark(Rune rune) => Rune.GetUnicodeCategory(rune)
        is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark;

    /// <summary>Returns whether the text has a letter or a number.</summary>
    public static bool HasLetterOrNumber(string text) => text.EnumerateRunes().Any(PythonText.IsLetterOrNumber);
}
