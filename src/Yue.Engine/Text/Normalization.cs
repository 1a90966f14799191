using ADRaffy.ENSNormalize;

namespace Yue.Engine.Text;

/// <summary>Unicode normalization, which .NET leaves to the operating system's ICU. The program does not need ICU.</summary>
/// <remarks>Under <c>InvariantGlobalization</c>, <see cref="string.Normalize()"/> returns non-ASCII text unchanged. The
/// tables are therefore those of the ENSNormalize package, whose subject is domain names: of the maintained packages it is
/// the one with normalization tables of its own. It passes Unicode's NormalizationTest.</remarks>
public static class Normalization
{
    /// <summary>Normalization form C changes no text whose characters are all below the first combining mark.</summary>
    public const char FirstCombiningMark = '\u0300';

    /// <summary>Returns the text in normalization form C.</summary>
    /// <param name="text">Valid UTF-16.</param>
    public static string ToNfc(string text) =>
        text.AsSpan().IndexOfAnyInRange(FirstCombiningMark, char.MaxValue) < 0 ? text : ENSNormalize.NF.NFC(text);
}
