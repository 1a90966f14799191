using System.Text;
using System.Text.RegularExpressions;
using ADRaffy.ENSNormalize;
using CsCheck;
using Xunit;
using Yue.Engine.Families.Yue1.Text;
using Yue.Testing;

namespace Yue.Engine.Tests.Text;

public sealed partial class LyricsParserTests
{
    private static readonly Gen<string> GenLyrics = Gen.OneOf<string>(
        Gen.OneOf(
            "[verse]", "[chorus]\n", "\n[pre-chorus]\n", "\n[Verse 1] ", "[",
            "]", "[]", "[[x]]", "[--]", "\n", "\r\n", " ", "\u3000", "\u001C",
            "la la", "【サビ】", "**[x y]**", "[x2]", "[0:15]", "[Am]la", "\\n", "夜空", "e\u0301", "②", "𠮷", "[𠮷]", "[②x]",
            "\n[Ⅳ]", "[é]", "[e\u0301]", "♪", "[start_of_segment]", "\n[start_of _segment]", "<EOA>", "\0", "\uD83C"),
        Gen.String[0, 5]).Array[0, 16].Select(string.Concat);

    [Fact]
    public void Lyrics_that_the_reference_keeps_whole_are_split_in_the_same_way()
    {
        const string Lyrics = "\n [verse]\nline one\nline two\n\n\n[chorus2]   same line [bridge]\n\n[夜_2]\n\u3000wide\u3000\n";
        var parsed = LyricsParser.Parse(Lyrics);
        Assert.Equal(
            ["[verse]\nline one\nline two\n\n", "[chorus2]\nsame line\n\n", "[bridge]\n\n\n", "[夜_2]\nwide\n\n"],
            parsed.Sections.Select(section => section.Text));
        Assert.Equal(["lyrics: no words in [bridge]"], parsed.Warnings);
    }

    [Fact]
    public void Text_before_the_first_tag_is_a_verse()
    {
        var parsed = LyricsParser.Parse("intro words\n[chorus]\nla");
        Assert.Equal([new LyricSection("verse", "intro words") { WrittenTag = null }, new LyricSection("chorus", "la")], parsed.Sections);
        Assert.Equal(["lyrics: text before the first tag is sung as [verse]"], parsed.Warnings);
    }

    [Fact]
    public void Text_without_any_tag_is_a_verse()
    {
        var parsed = LyricsParser.Parse("no tag (anywhere)\nat all\n");
        Assert.Equal([new LyricSection("verse", "no tag (anywhere)\nat all") { WrittenTag = null }], parsed.Sections);
        Assert.Equal(["lyrics: no [tag] was found; all of the text is sung as one [verse]"], parsed.Warnings);
    }

    [Theory]
    [InlineData("[pre-chorus]", "prechorus")]
    [InlineData("  [Verse 1]", "Verse1")]
    [InlineData("[verse]\nla\n[Chorus: all, louder!]", "Chorus")]
    [InlineData("[Verse 2 - whispered, with a long description of the voice and the room]", "Verse2")]
    [InlineData("[verse]\nglued[Verse 2]", "Verse2")]
    [InlineData("[intro][pre chorus]", "prechorus")]
    [InlineData("[start_of _segment]", "startofsegment")]
    [InlineData("[プレ・コーラス]", "プレコーラス")]
    [InlineData("[अंतरा 1]", "अंतरा1")]
    public void A_tag_that_is_not_one_word_becomes_one(string lyrics, string tag)
    {
        var parsed = LyricsParser.Parse($"{lyrics}\nwords");
        Assert.Equal((tag, "words"), (parsed.Sections[^1].Tag, parsed.Sections[^1].Words));
        Assert.Contains(parsed.Warnings, warning => warning.Contains($"as [{tag}]", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("we sing [oh, oh] twice", "[oh, oh]")]
    [InlineData("la la la [laughs]", "[laughs]")]
    [InlineData("la [x2 again\nand on", "[x2 again")]
    [InlineData("[]", "[]")]
    [InlineData("[--]", "[--]")]
    [InlineData("la\n[unclosed", "[unclosed")]
    [InlineData("la\n[over\ntwo lines]", "[over")]
    public void A_bracket_that_opens_no_tag_stays_in_the_words_and_is_reported(string words, string named)
    {
        var parsed = LyricsParser.Parse($"[verse]\nla\n{words}");
        Assert.Equal(("verse", $"la\n{words}"), (Assert.Single(parsed.Sections).Tag, parsed.Sections[0].Words));
        Assert.StartsWith($"lyrics: sung as words: {named}; ", Assert.Single(parsed.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void A_tag_that_may_be_a_note_is_reported()
    {
        var parsed = LyricsParser.Parse("[softly] la\n[verse] la");
        Assert.Equal(["softly", "verse"], parsed.Sections.Select(section => section.Tag));
        Assert.Equal(["lyrics: text in brackets was read as the beginning of a section: [softly]"], parsed.Warnings);
    }

    [Fact]
    public void Composed_and_decomposed_lyrics_are_the_same()
    {
        const string Composed = "[réfrain]\ncafé\n[मुखड़ा]\nला\n[후렴]\n사랑";
        var parsed = LyricsParser.Parse(Composed);
        Assert.Equal(["réfrain", "मुखड़ा", "후렴"], parsed.Sections.Select(section => section.Tag));
        Assert.Equal(parsed.Sections, LyricsParser.Parse(ENSNormalize.NF.NFD(Composed)).Sections);
    }

    [Fact]
    public void Symbols_before_the_first_tag_are_kept_in_the_first_section()
    {
        var parsed = LyricsParser.Parse("---\n[verse]\nla");
        Assert.Equal([new LyricSection("verse", "---\nla")], parsed.Sections);
        Assert.Equal(["lyrics: symbols before the first tag are kept in the words of [verse]"], parsed.Warnings);
    }

    [Theory]
    [InlineData("")]
    [InlineData(" \n\t\u3000\u001C ")]
    [InlineData("\0\u0001")]
    public void Blank_lyrics_have_no_sections(string lyrics)
    {
        var parsed = LyricsParser.Parse(lyrics);
        Assert.Empty(parsed.Sections);
        Assert.Contains("lyrics: blank; there is nothing to sing", parsed.Warnings);
    }

    [Fact]
    public void Tags_without_words_are_kept_and_reported()
    {
        var parsed = LyricsParser.Parse("[verse]\n\n[chorus]\n");
        Assert.Equal(["verse", "chorus"], parsed.Sections.Select(section => section.Tag));
        Assert.Equal(["lyrics: there are only tags and no words"], parsed.Warnings);
    }

    [Fact]
    public void A_prompt_marker_typed_as_a_tag_is_sung_as_words()
    {
        var parsed = LyricsParser.Parse("[verse]\nla\n[start_of_segment]\nlo");
        Assert.Equal("la\n(start_of_segment)\nlo", Assert.Single(parsed.Sections).Words);
        Assert.Single(parsed.Warnings);
    }

    [Theory]
    [InlineData("[a]")]
    [InlineData("[a]\n")]
    [InlineData("[")]
    [InlineData("\n[- ")]
    [InlineData(" [")]
    [InlineData("[aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-")]
    public async Task Many_brackets_are_read_in_linear_time_and_the_warnings_stay_short(string unit)
    {
        // Quadratic work on this many characters takes longer than the test waits.
        const int Characters = 1_000_000;
        var text = string.Concat(Enumerable.Repeat(unit, Characters / unit.Length));
        var parsed = await Task.Run(() => LyricsParser.Parse(text)).InTime();
        Assert.NotEmpty(parsed.Sections);
        Assert.All([.. parsed.Warnings, parsed.Take(1).Warning ?? ""], warning => Assert.InRange(warning.Length, 0, 1000));
    }

    [Theory]
    [InlineData(0, 3)]
    [InlineData(2, 2)]
    [InlineData(3, 3)]
    [InlineData(10, 3)]
    public void The_requested_number_of_sections_is_sung(int requested, int taken)
    {
        var sung = LyricsParser.Parse("[verse]a[chorus]b[outro]c").Take(requested);
        Assert.Equal(taken, sung.Sections.Count);
        Assert.Equal(taken < 3, sung.Warning is not null);
    }

    [Fact]
    public void Sections_not_requested_are_reported() => Assert.Equal(
        "lyrics: sections not sung (2 of 3), because run_n_segments is 1: [chorus], [outro]",
        LyricsParser.Parse("[verse]a[chorus]b[outro]c").Take(1).Warning);

    [Fact]
    public void No_character_is_lost_except_the_brackets_of_tags() => GenLyrics.Sample(lyrics =>
    {
        var read = LyricsParser.Read(lyrics);
        var sections = LyricsParser.Parse(lyrics).Sections;
        var kept = string.Concat(sections.Select(section => $"{(section.WrittenTag is { } tag ? $"[{tag}]" : "")}{section.Words}"));
        Assert.Equal(WithoutSpace(read).Order(), WithoutSpace(kept).Order());

        // Symbols before the first tag move after it. Everything that is sung stays in order.
        Assert.Equal(LettersAndNumbers(read), LettersAndNumbers(kept));
    }, iter: 2000);

    [Fact]
    public void Every_tag_is_one_word_and_is_not_a_prompt_marker() => GenLyrics.Sample(lyrics =>
        Assert.All(LyricsParser.Parse(lyrics).Sections, section =>
        {
            Assert.NotEmpty(section.Tag);
            Assert.DoesNotContain(section.Tag, c => c is '[' or ']' or '-' or ' ' or '\n');
            Assert.DoesNotContain($"[{section.Tag}]", UserText.PromptMarkers);
        }));

    [Fact]
    public void A_warning_names_text_that_the_reference_would_split_differently() => GenLyrics.Sample(lyrics =>
    {
        var raw = lyrics.Replace("𠮷", "x", StringComparison.Ordinal);
        var parsed = LyricsParser.Parse(raw);
        if (parsed.Warnings.All(warning => SaysNothingIsChanged().IsMatch(warning)))
        {
            var text = UserText.Clean(raw, "lyrics").Text;
            Assert.Equal(ReferenceLyrics.Parse(text), parsed.Sections);
            Assert.Empty(WithoutSpace(ReferenceLyrics.Dropped(text)));
        }
    }, iter: 5000);

    private static string WithoutSpace(string text) =>
        string.Concat(text.Where(c => !char.IsWhiteSpace(c) && c is not (>= '\x1C' and <= '\x1F')));

    private static string LettersAndNumbers(string text) => string.Concat(text.EnumerateRunes().Where(Rune.IsLetterOrDigit));

    [GeneratedRegex("^lyrics: (no words in|there are only tags|blank)")]
    private static partial Regex SaysNothingIsChanged();
}
