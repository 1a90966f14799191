using System.Text;
using CsCheck;
using Xunit;
using Yue.Engine.Families.Yue1.Text;
using Yue.Engine.Text;

namespace Yue.Engine.Tests.Text;

/// <summary>Tests that sections and findings have the right positions in the user's text.</summary>
public sealed class LyricsPlacesTests
{
    private static readonly Gen<string> GenLyrics = Gen.OneOf<string>(
        Gen.OneOf(
            "[verse]", "[chorus]\n", "\n[pre-chorus]\n", "\r\n[Verse 1] ", "[", "]", "[[x]]", "\n", "\r\n", " ", "\u3000",
            "la la", "【サビ】", "**[x y]**", "[x2]", "[0:15]", "[Am]la", "\\n", "夜空", "e\u0301", "\u1112\u1161\u11AB", "𠮷", "[𠮷]",
            "♪", "[start_of_segment]", "<EOA>", "\0", "\uD83C", "\u200B", "\uFEFF", "Chorus: la"),
        Gen.String[0, 5]).Array[0, 16].Select(string.Concat);

    [Theory]
    [InlineData("[verse]\r\nla 😀\r\n\r\n[chorus]\r\nlo\r\n", "[verse]\r\nla 😀", "[chorus]\r\nlo")]
    [InlineData("\uFEFFhello\n**[Pre-Chorus]**\nla [x2] lo\n", "hello", "**[Pre-Chorus]**\nla [x2] lo")]
    [InlineData("---\n[verse]\nla", "---\n[verse]\nla")]
    [InlineData("[verse]\\nla\\n[chorus]", "[verse]\\nla", "[chorus]")]
    [InlineData("【サビ】 cafe\u0301 \u1112\u1161\u11AB \u200B[verse]x", "【サビ】 cafe\u0301 \u1112\u1161\u11AB", "[verse]x")]
    [InlineData("1\n00:00:01,000 --> 00:00:04,000\nla\n[00:10.00] lo", "la\n[00:10.00] lo")]
    public void A_section_extends_from_its_tag_to_the_end_of_its_words(string lyrics, params string[] sections) =>
        Assert.Equal(sections, LyricsParser.Parse(lyrics).Places.Select(place => lyrics[place.Start..place.End]));

    [Theory]
    [InlineData("[verse]\nla [x2]\nlo [x2]", "note", "[x2]", "[x2]")]
    [InlineData("[verse]\n[00:01.00]la <00:02.10>lo", "time_stamp", "[00:01.00]", "<00:02.10>")]
    [InlineData("[ti:Song]\r\n[verse]\nla", "file_line", "[ti:Song]")]
    [InlineData("🎵 [Verse 1]:\nla", "tag_notation", "🎵 [Verse 1]")]
    [InlineData("[pre-chorus]\nla", "tag_of_several_words", "[pre-chorus]")]
    [InlineData("[verse]\nChorus:\n\tla *sighs*", "sung_as_words", "Chorus:", "*sighs*")]
    [InlineData("[verse]\nla\0\u0001 lo\u200B", "control_character", "\0", "\u0001")]
    [InlineData("[verse]\nla\u00AD lo\u200B", "invisible_character", "\u00AD", "\u200B")]
    [InlineData("[verse]\nla <EOA> [start_of_segment]", "control_token", "<EOA>", "[start_of_segment]")]
    [InlineData("[verse]\nwe [oh, oh] la", "bracket_in_words", "[oh, oh]")]
    [InlineData("[softly] la\n[verse] lo", "doubtful_tag", "[softly]")]
    [InlineData(" la\n[verse] lo", "text_before_tag", "la")]
    [InlineData("...\n[verse] lo", "signs_before_tag", "...")]
    [InlineData("[verse]\n\n[chorus]\nla", "section_without_words", "[verse]")]
    [InlineData("la\\nlo\\r\\nli", "literal_line_end", "\\n", "\\r\\n")]
    [InlineData(" la ", "no_tag", "la")]
    public void A_finding_has_the_position_of_its_text(string lyrics, string code, params string[] texts)
    {
        var findings = LyricsParser.Parse(lyrics).Findings.Where(finding => finding.Code == code).ToList();
        Assert.Equal(texts, findings.Select(finding => lyrics[finding.Span!.Value.Start..finding.Span.Value.End]));
        Assert.All(findings, finding => Assert.StartsWith("lyrics: ", finding.Message, StringComparison.Ordinal));
    }

    [Fact]
    public void Every_warning_has_a_finding_and_every_finding_a_warning() => GenLyrics.Sample(
        lyrics =>
        {
            var parsed = LyricsParser.Parse(lyrics);
            Assert.Equal(parsed.Warnings.Count, parsed.Findings.Select(finding => finding.Code).Distinct().Count());
        },
        iter: 2000);

    [Fact]
    public void Sections_are_in_order_and_contain_their_words() => GenLyrics.Sample(
        lyrics =>
        {
            var parsed = LyricsParser.Parse(lyrics);
            Assert.Equal(parsed.Sections.Count, parsed.Places.Count);
            var last = 0;
            foreach (var (section, place) in parsed.Sections.Zip(parsed.Places))
            {
                Assert.InRange(place.Start, last, lyrics.Length);
                Assert.InRange(place.End, place.Start, lyrics.Length);
                last = place.End;
                var sent = Normalization.ToNfc(lyrics[place.Start..place.End].Replace("\uD83C", "", StringComparison.Ordinal));
                Assert.True(IsSubsequence(Letters(section.Words), Letters(sent)), $"{section.Words} is not in {sent}");
            }

            Assert.All(parsed.Findings, finding =>
            {
                Assert.InRange(finding.Span!.Value.Start, 0, lyrics.Length);
                Assert.InRange(finding.Span.Value.End, finding.Span.Value.Start, lyrics.Length);
            });
        },
        iter: 5000);

    private static string Letters(string text) => string.Concat(text.EnumerateRunes().Where(Rune.IsLetterOrDigit));

    private static bool IsSubsequence(string part, string whole)
    {
        var at = 0;
        foreach (var c in part)
        {
            at = whole.IndexOf(c, at) + 1;
            if (at == 0)
            {
                return false;
            }
        }

        return true;
    }
}
