using System.Globalization;
using System.Text;
using Yue.Engine.Families.Yue1.Text;
using Yue.Engine.Families.Yue1.Tokens;
using Yue.Engine.Songs;

namespace Yue.Engine.Families.Yue1;

/// <summary>Expects the length of sections.</summary>
internal static class SectionLength
{
    private const double FramesPerSecond = Tracks.FramesPerSecond;
    private const double TokensPerSecond = 2 * FramesPerSecond;

    // A rough figure of popular songs: a syllable takes a third of a second, and after a line there is a breath of a second.
    private const double SyllableSeconds = 1 / 3.0;
    private const double LineSeconds = 1;

    // A section without words plays for about eight bars.
    private const double WordlessSeconds = 16;

    /// <summary>Returns the length of a section that is sung already.</summary>
    public static double SecondsOf(SectionCodes section) => section.Frames / FramesPerSecond;

    /// <summary>Returns the likely length of a section that is not sung yet.</summary>
    /// <param name="section">The section.</param>
    /// <param name="maxNewTokens">The most tokens that it may take.</param>
    public static double ExpectedSeconds(LyricSection section, int maxNewTokens)
    {
        var lines = section.Words.Split('\n').Count(UnicodeText.HasLetterOrNumber);
        var seconds = lines == 0 ? WordlessSeconds : (Syllables(section.Words) * SyllableSeconds) + (lines * LineSeconds);
        return Math.Clamp(seconds, SongLimits.MinTargetSeconds, maxNewTokens / TokensPerSecond);
    }

    /// <summary>Returns about how many syllables a text has: groups of vowels in Latin script; in scripts that write syllables, their
    /// signs; in other alphabets, two letters a syllable.</summary>
    private static double Syllables(string words)
    {
        var (syllables, isInVowel) = (0.0, false);
        foreach (var rune in words.EnumerateRunes())
        {
            var isVowel = "aeiouyAEIOUY".Contains((char)Math.Min(rune.Value, char.MaxValue), StringComparison.Ordinal);
            syllables += Rune.GetUnicodeCategory(rune) switch
            {
                UnicodeCategory.OtherLetter or UnicodeCategory.DecimalDigitNumber => 1,
                _ when rune.IsAscii => isVowel && !isInVowel ? 1 : 0,
                _ when Rune.IsLetter(rune) => 0.5,
                _ => 0,
            };
            isInVowel = isVowel;
        }

        return syllables;
    }
}
