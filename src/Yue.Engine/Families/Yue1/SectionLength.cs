using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Yue.Engine.Families.Yue1.Text;
using Yue.Engine.Families.Yue1.Tokens;
using Yue.Engine.Songs;

namespace Yue.Engine.Families.Yue1;

/// <summary>Expects the length of sections.</summary>
internal static partial class SectionLength
{
    private const double FramesPerSecond = Tracks.FramesPerSecond;
    private const double TokensPerSecond = 2 * FramesPerSecond;

    /// <summary>Returns the length of a section that is sung already.</summary>
    public static double SecondsOf(SectionCodes section) => section.Frames / FramesPerSecond;

    /// <summary>Returns the likely length of a section that is not sung yet.</summary>
    /// <param name="section">The section.</param>
    /// <param name="pace">The pace of the model that sings.</param>
    /// <param name="tempo">The tempo of the song, in beats per minute.</param>
    /// <param name="maxNewTokens">The most tokens that it may take.</param>
    public static double ExpectedSeconds(LyricSection section, SingingPace pace, double tempo, int maxNewTokens)
    {
        var lines = section.Words.Split('\n').Count(UnicodeText.HasLetterOrNumber);
        var beats = SingingPace.SecondsOf(lines == 0 ? pace.WordlessBeats : lines * pace.LineBeats, tempo);
        var seconds = (Syllables(section.Words) * pace.SyllableSeconds) + beats + pace.EndSeconds;
        return Math.Clamp(seconds, SongLimits.MinTargetSeconds, maxNewTokens / TokensPerSecond);
    }

    /// <summary>Returns about how many syllables a text has: groups of vowels in Latin script, without a silent e; in scripts that write
    /// syllables, their signs; in other alphabets, two letters per syllable.</summary>
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

        return syllables - SilentE().Count(words);
    }

    /// <summary>An e at the end of a word, after a consonant, where the word has another vowel.</summary>
    [GeneratedRegex(@"(?<=[aeiouy][a-z]*[b-df-hj-np-tv-xz])e\b", RegexOptions.IgnoreCase)]
    private static partial Regex SilentE();
}
