using System.Buffers;
using System.Globalization;
using System.Text;
using AnyAscii;
using Yue.Engine.Songs;

namespace Yue.Engine.Families.Yue1.Text;

/// <summary>Transliterates other scripts into the letters a to z, for a model that was trained only on these letters.</summary>
public static class LatinScript
{
    private static readonly SearchValues<char> Vowels = SearchValues.Create("aeiouyAEIOUY");

    /// <summary>Returns an error if transliteration leaves the lyrics without a vowel, so that they cannot be sung; otherwise
    /// null.</summary>
    /// <remarks>This happens if the script is unknown or written without vowels.</remarks>
    public static string? FaultOf(IReadOnlyList<LyricSection> sections) => FaultOf(sections, ToLatin(sections));

    /// <summary>Returns the sections in Latin letters. Warnings show the beginning of the transliteration and name the sections that it
    /// leaves without a vowel.</summary>
    /// <exception cref="SongRequestException">The lyrics have a <see cref="FaultOf(IReadOnlyList{LyricSection})">fault</see>.</exception>
    internal static ParsedLyrics Rewrite(IReadOnlyList<LyricSection> sections)
    {
        var latin = ToLatin(sections);
        if (FaultOf(sections, latin) is { } fault)
        {
            throw new SongRequestException(fault);
        }

        var changed = Changed(sections, latin);
        if (changed.Length == 0)
        {
            return new ParsedLyrics(latin, []);
        }

        var example = Example(latin[changed[0]]);
        List<string> warnings = [$"lyrics: this model sings the letters a to z only; other letters are transliterated: {example}"];
        var mute = changed.Where(i => !HasVowel(latin[i].Words)).Select(i => $"section {i + 1} [{sections[i].Tag}]").ToArray();
        if (mute.Length > 0)
        {
            warnings.Add($"lyrics: transliteration leaves no vowel to sing in {LyricsParser.Listed(mute)}");
        }

        return new ParsedLyrics(latin, warnings);
    }

    /// <summary>Returns clean text in Latin letters.</summary>
    /// <remarks>Letters that become Latin ones can complete a control token or a prompt marker, so the text is cleaned again.</remarks>
    internal static string Rewrite(string text) => Ascii.IsValid(text) ? text : UserText.Clean(Transliterate(text), "lyrics").Text;

    private static LyricSection[] ToLatin(IReadOnlyList<LyricSection> sections) =>
        [.. sections.Select(section => new LyricSection(Tag(section.Tag), Rewrite(section.Words)))];

    private static string? FaultOf(IReadOnlyList<LyricSection> sections, LyricSection[] latin) =>
        Changed(sections, latin) is [var first, ..] && !latin.Any(section => HasVowel(section.Words))
            ? "lyrics: this model sings the letters a to z only, and these lyrics have no vowel when written in them "
                + $"({Example(latin[first])}); send lyrics in Latin letters, or use a model that sings this script"
            : null;

    private static int[] Changed(IReadOnlyList<LyricSection> sections, LyricSection[] latin) =>
        [.. Enumerable.Range(0, latin.Length).Where(i => latin[i].Words != sections[i].Words)];

    private static string Example(LyricSection section) => LyricsParser.Listed([section.Words.ReplaceLineEndings(" ")]);

    private static string Tag(string tag) =>
        Ascii.IsValid(tag) ? tag : LyricsParser.OneWord(Transliterate(tag)) is { Length: > 0 } latin ? latin : LyricsParser.AssumedTag;

    /// <summary>Returns the text with every letter, mark and number in ASCII; other characters are unchanged.</summary>
    private static string Transliterate(string text)
    {
        var latin = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            if (rune.IsAscii || !(PythonText.IsLetterOrNumber(rune) || UnicodeText.IsMark(rune)))
            {
                latin.Append(rune.ToString());
                continue;
            }

            // The library begins the transliteration of a Chinese character or a Hangul syllable with a capital letter.
            var letters = rune.ToString().Transliterate();
            if (Rune.GetUnicodeCategory(rune) == UnicodeCategory.OtherLetter && letters is [>= 'A' and <= 'Z', ..])
            {
                latin.Append(latin.Length > 0 && char.IsLetterOrDigit(latin[^1]) ? " " : "");
                letters = letters.ToLowerInvariant();
            }

            latin.Append(letters);
        }

        return latin.ToString();
    }

    /// <summary>Returns true if the text has a vowel in Latin letters. Without one, nothing can be sung.</summary>
    private static bool HasVowel(string text) => text.AsSpan().ContainsAny(Vowels);
}
