using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Yue.Engine.Families.Yue1.Text;
using Yue.Engine.Families.Yue1.Tokens;
using Yue.Engine.Songs;

namespace Yue.Engine.Families.Yue1;

/// <summary>Estimates the lengths of sections.</summary>
internal static partial class SectionLength
{
    private const double FramesPerSecond = Tracks.FramesPerSecond;
    private const double TokensPerSecond = 2 * FramesPerSecond;

    /// <summary>Returns the length, in seconds, of a section that has already been sung.</summary>
    public static double SecondsOf(SectionCodes section) => section.Frames / FramesPerSecond;

    /// <summary>Returns the expected length, in seconds, of a section that has not been sung yet.</summary>
    /// <param name="section">The section.</param>
    /// <param name="pace">The model's singing pace.</param>
    /// <param name="tempo">The tempo of the song, in beats per minute.</param>
    /// <param name="maxNewTokens">The maximum number of tokens in the section.</param>
    public static double ExpectedSeconds(LyricSection section, SingingPace pace, double tempo, int maxNewTokens)
    {
        var lines = section.Words.Split('\n').Count(UnicodeText.HasLetterOrNumber);
        var beats = SingingPace.SecondsOf(lines == 0 ? pace.WordlessBeats : lines * pace.LineBeats, tempo);
        var seconds = (Syllables(section.Words) * pace.SyllableSeconds) + beats + pace.EndSeconds;
        return Math.Clamp(seconds, SongLimits.MinTargetSeconds, maxNewTokens / TokensPerSecond);
    }

    /// <summary>Estimates the number of syllables of words: one for each group of ASCII vowels, except a silent e; one for each digit and
    /// each caseless letter, such as Chinese or Arabic letters; and half a syllable for each other non-ASCII letter.</summary>
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

    /// <summary>Matches an e at the end of a word, after a consonant, if the word has another vowel.</summary>
    [GeneratedRegex(@"(?<=[aeiouy][a-z]*[b-df-hj-np-tv-xz])e\b", RegexOptions.IgnoreCase)]
    private static partial Regex SilentE();
}
