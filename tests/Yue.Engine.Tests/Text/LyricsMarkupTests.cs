using Xunit;
using Yue.Engine.Families.Yue1.Text;

namespace Yue.Engine.Tests.Text;

public sealed class LyricsMarkupTests
{
    [Theory]
    [InlineData("**[Verse 1]**")]
    [InlineData("## [Verse 1]")]
    [InlineData("- [Verse 1]")]
    [InlineData("1. [Verse 1]")]
    [InlineData("> _[Verse 1]_")]
    [InlineData("“[Verse 1]”")]
    [InlineData("\\[Verse 1\\]")]
    [InlineData("\u200D[Verse 1]")]
    [InlineData("🎵 [Verse 1]:")]
    [InlineData("[[Verse 1]]")]
    [InlineData("[Verse 1")]
    [InlineData("【Verse 1】")]
    [InlineData("［Verse 1］")]
    public void Symbols_around_a_tag_are_not_words(string tag)
    {
        var parsed = LyricsParser.Parse($"[intro]\nla\n{tag}\nHello");
        Assert.Equal([("intro", "la"), ("Verse1", "Hello")], Sung(parsed));
        Assert.StartsWith(
            $"lyrics: tags were read in plain form: {tag.TrimEnd('*', '_', '”', ':')}", parsed.Warnings[0], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[verse]\r\nHello world\r\nGood morning\r\n[chorus]\r\nla")]
    [InlineData("[verse]\rHello world\rGood morning\r[chorus]\rla")]
    [InlineData("\uFEFF[verse]\nHello world\nGood morning\n\u200E[chorus]\nla")]
    [InlineData("【verse】\nHello world\nGood morning\n［chorus］\nla")]
    [InlineData("verse]\nHello world\nGood morning\n[chorus]\nla", "verse]\nHello world\nGood morning")]
    public void Line_endings_and_symbols_do_not_change_the_song(string lyrics, string words = "Hello world\nGood morning") =>
        Assert.Equal([("verse", words), ("chorus", "la")], Sung(LyricsParser.Parse(lyrics)));

    [Fact]
    public void A_long_description_of_a_section_is_left_out()
    {
        var parsed = LyricsParser.Parse("[Verse 1]\nHello\n\n[Chorus: anthemic, layered harmonies, driving drums]\nWe run\n\n[Outro]\nBye");
        Assert.Equal([("Verse1", "Hello"), ("Chorus", "We run"), ("Outro", "Bye")], Sung(parsed));
        Assert.Contains(
            "[Chorus: anthemic, layered harmonies, driving drums] as [Chorus]", Assert.Single(parsed.Warnings), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("La la la [x2]", "La la la", "[x2]")]
    [InlineData("[2x] La [×3]", "La", "[2x], [×3]")]
    [InlineData("[Am]Hello [G7/B] my w[F#m]orld", "Hello my world", "[Am], [G7/B], [F#m]")]
    [InlineData("la\n[Am] [G] [C]\nlo", "la\nlo", "[Am], [G], [C]")]
    [InlineData("la\n[a line in brackets that is far too long to be the name of a part]", "la",
        "[a line in brackets that is far too long to be the name of a part]")]
    public void Notes_in_brackets_are_left_out_and_reported(string words, string sung, string named)
    {
        var parsed = LyricsParser.Parse($"[verse]\n{words}\n[chorus]\nOh");
        Assert.Equal([("verse", sung), ("chorus", "Oh")], Sung(parsed));
        Assert.StartsWith($"lyrics: notes in brackets are left out: {named}; ", Assert.Single(parsed.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void A_single_letter_in_brackets_names_a_section() =>
        Assert.Equal([("A", "la"), ("B", "lo")], Sung(LyricsParser.Parse("[A]\nla\n[B]\nlo")));

    [Fact]
    public void Times_and_metadata_of_lrc_files_are_left_out()
    {
        var parsed = LyricsParser.Parse(
            "[ti:My Song]\n[ar: Somebody]\n[offset:+500]\n[00:01.00]Morning <00:02.10>light\n[00:05.20][01:05]We run (0:15)");
        Assert.Equal([("verse", "Morning light\nWe run")], Sung(parsed));
        Assert.Equal(
            [
                "lyrics: lines that describe the file are left out: [ti:My Song], [ar: Somebody], [offset:+500]",
                "lyrics: time stamps are left out: [00:01.00], <00:02.10>, [00:05.20], [01:05], (0:15)",
                "lyrics: no [tag] was found; all of the text is sung as one [verse]",
            ],
            parsed.Warnings);
    }

    [Fact]
    public void Times_and_numbers_of_subtitles_are_left_out() => Assert.Equal(
        [("verse", "Morning light\n\nWe run")],
        Sung(LyricsParser.Parse("1\n00:00:01,000 --> 00:00:04,000\nMorning light\n\n2\n00:00:05,000 --> 00:00:08,000\nWe run\n")));

    [Fact]
    public void A_backslash_followed_by_n_is_read_as_a_line_break()
    {
        var parsed = LyricsParser.Parse(@"[verse]\nHello world\r\n\n[chorus]\nLa la la");
        Assert.Equal([("verse", "Hello world"), ("chorus", "La la la")], Sung(parsed));
        Assert.Contains("read as a line break", Assert.Single(parsed.Warnings), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Chorus:")]
    [InlineData("Verse 2: ")]
    [InlineData("(Bridge)")]
    [InlineData("## Pre-Chorus")]
    [InlineData("**Chorus**")]
    [InlineData("{Outro}")]
    [InlineData("Chorus: we run")]
    [InlineData("Verse 1")]
    [InlineData("Am  G  C")]
    [InlineData("0:15 la la")]
    public void A_line_that_looks_like_a_heading_is_sung_with_a_warning(string line)
    {
        var parsed = LyricsParser.Parse($"[verse]\nla\n{line}\nlo");
        Assert.Equal([("verse", $"la\n{line}\nlo")], Sung(parsed));
        Assert.StartsWith($"lyrics: sung as words: {line.Trim()}; ", Assert.Single(parsed.Warnings), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("la <b>loud</b><br/> la", "<b>, </b>, <br/>")]
    [InlineData("salt &amp; pepper", "&amp;")]
    [InlineData("la la (x2)", "(x2)")]
    [InlineData("ha *laughs* ha", "*laughs*")]
    [InlineData("see https://example.org/song", "https://example.org/song")]
    public void Notes_that_may_be_words_are_sung_with_a_warning(string line, string named)
    {
        var parsed = LyricsParser.Parse($"[verse]\n{line}");
        Assert.Equal([("verse", line)], Sung(parsed));
        Assert.StartsWith($"lyrics: sung as words: {named}; ", Assert.Single(parsed.Warnings), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(
        "[verse]\nStaring at the sunset, colors paint the sky\n(oh, oh)\nDon’t — “stop” me now… 99 times\n\n"
            + "[chorus]\nCome a little closer: now\n- la\n5 a.m.")]
    [InlineData("[Verse]\nI’m broken\nA\nI love you <3 & more\n[outro]\nGood-bye")]
    [InlineData("[verse]\n我爱你\n夜空の光\n\n[chorus]\n사랑해요\n「夢」")]
    [InlineData("[verse]\n\tEm\u00A0hm 🎵 * la * la\n\n\n[chorus]\n{la}")]
    public void Ordinary_lyrics_are_unchanged(string lyrics)
    {
        var parsed = LyricsParser.Parse(lyrics);
        Assert.Empty(parsed.Warnings);
        Assert.Equal(ReferenceLyrics.Parse(lyrics), parsed.Sections);
    }

    [Theory]
    [InlineData("【start_of_segment】")]
    [InlineData("**[start_of_segment]**")]
    [InlineData("[start[0:15]_of_segment]")]
    [InlineData("<E[0:15]OA>")]
    public void Notation_cannot_hide_a_prompt_marker(string text)
    {
        var parsed = LyricsParser.Parse($"[verse]\nla {text}\n{text}\nlo");
        Assert.NotEmpty(parsed.Sections);
        Assert.All(parsed.Sections, section =>
        {
            Assert.DoesNotContain(UserText.PromptMarkers, marker => section.Text.Contains(marker, StringComparison.Ordinal));
            Assert.DoesNotContain("<EOA>", section.Text, StringComparison.Ordinal);
        });
    }

    private static IEnumerable<(string Tag, string Words)> Sung(ParsedLyrics lyrics) =>
        lyrics.Sections.Select(section => (section.Tag, section.Words));
}
