using ADRaffy.ENSNormalize;

namespace Yue.Engine.Text;

/// <summary>Unicode normalization, which .NET leaves to the operating system's ICU. The program does not need ICU.</summary>
/// <remarks>Under <c>InvariantGlobalization</c>, <see cref="string.Normalize()"/> returns non-ASCII text unchanged. This class therefore
/// uses the ENSNormalize package, which is meant for domain names but is the only maintained package that contains normalization tables.
/// It passes Unicode's NormalizationTest.</remarks>
public static class Normalization
{
    /// <summary>The first combining mark. Normalization form C does not change text whose characters are all below it.</summary>
    public const char FirstCombiningMark = '\u0300';

    /// <summary>Returns the text in normalization form C.</summary>
    /// <param name="text">Valid UTF-16.</param>
    public static string ToNfc(string text) =>
        text.AsSpan().IndexOfAnyInRange(FirstCombiningMark, char.MaxValue) < 0 ? text : ENSNormalize.NF.NFC(text);
}
