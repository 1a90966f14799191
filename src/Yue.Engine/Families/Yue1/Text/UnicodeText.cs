using System.Globalization;
using System.Text;
using ADRaffy.ENSNormalize;

namespace Yue.Engine.Families.Yue1.Text;

/// <summary>Unicode rules that .NET leaves to the operating system's ICU, which the program does not need.</summary>
/// <remarks>Under <c>InvariantGlobalization</c>, <see cref="string.Normalize()"/> returns non-ASCII text unchanged. The
/// tables are therefore those of the ENSNormalize package, whose subject is domain names: of the maintained packages it is
/// the one with normalization tables of its own. It passes Unicode's NormalizationTest.</remarks>
internal static class UnicodeText
{
    // Normalization form C changes no text whose characters are all below the first combining mark.
    private const char FirstCombiningMark = '\u0300';

    /// <summary>Returns the text in normalization form C.</summary>
    /// <param name="text">Valid UTF-16.</param>
    public static string ToNfc(string text) =>
        text.AsSpan().IndexOfAnyInRange(FirstCombiningMark, char.MaxValue) < 0 ? text : ENSNormalize.NF.NFC(text);

    /// <summary>Returns whether a character has no width and no meaning in lyrics: zero-width spaces, soft hyphens, marks of
    /// direction, byte order marks. Joiners (U+200C, U+200D) are not among them: Persian, Indic scripts and emoji need them.</summary>
    public static bool IsInvisible(char c) => c
        is '\u00AD' or '\u061C' or '\u180E' or '\u200B' or '\u200E' or '\u200F' or (>= '\u202A' and <= '\u202E')
        or (>= '\u2060' and <= '\u206F') or '\uFEFF';

    /// <summary>Returns whether a character is a combining mark of any kind.</summary>
    public static bool IsMark(Rune rune) => Rune.GetUnicodeCategory(rune)
        is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark;

    /// <summary>Returns whether the text has a letter or a number.</summary>
    public static bool HasLetterOrNumber(string text) => text.EnumerateRunes().Any(PythonText.IsLetterOrNumber);
}
