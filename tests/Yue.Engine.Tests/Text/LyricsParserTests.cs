using System.Diagnostics;
using System.Text;
using System.Text.RegularExpressions;
using CsCheck;
using Xunit;
using Yue.Engine.Text;

namespace Yue.Engine.Tests.Text;

public sealed partial class LyricsParserTests
{
    private static readonly Gen<string> GenLyrics = Gen.OneOf<string>(
        Gen.OneOf("[verse]", "[chorus]\n", "\n[pre-chorus]\n", "\n[Verse 1] ", "[", "]", "[]", "[[x]]", "[--]", "\n", "\r\n", " ", "\u3000", "\u001C",
            "la la", "夜空", "e\u0301", "②", "𠮷", "[𠮷]", "[②x]", "\n[Ⅳ]", "[é]", "[e\u0301]", "♪", "[start_of_segment]", "\n[start_of _segment]", "<EOA>", "\0", "\uD83C"),
        Gen.String[0, 5]).Array[0, 16].Select(string.Concat);

    [Fact]
    public void Lyrics_that_the_reference_keeps_whole_are_cut_the_same()
    {
        const string Lyrics = "\n [verse]\nline one\r\nline two\n\n\n[chorus2]   same line [bridge]\n\n[夜_2]\u3000wide\u3000\n";
        var parsed = LyricsParser.Parse(Lyrics);
        Assert.Equal(
            ["[verse]\nline one\r\nline two\n\n", "[chorus2]\nsame line\n\n", "[bridge]\n\n\n", "[夜_2]\nwide\n\n"],
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
    [InlineData("[verse]\nla\n[Chorus: all, louder!]", "Chorusalllouder")]
    [InlineData("[intro][pre chorus]", "prechorus")]
    [InlineData("[start_of _segment]", "startofsegment")]
    [InlineData("[プレ・コーラス]", "プレコーラス")]
    [InlineData("[re\u0301frain]", "refrain")]
    public void A_tag_that_is_not_one_word_becomes_one(string lyrics, string tag)
    {
        var parsed = LyricsParser.Parse($"{lyrics}\nwords");
        Assert.Equal((tag, "words"), (parsed.Sections[^1].Tag, parsed.Sections[^1].Words));
        Assert.Contains(parsed.Warnings, warning => warning.Contains($"as [{tag}]", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("we sing [oh, oh] twice")]
    [InlineData("la [x2 again\nand on")]
    [InlineData("[this is a line in brackets that is far too long to be the name of a part]")]
    [InlineData("[]")]
    [InlineData("[--]")]
    [InlineData("la\n[unclosed")]
    [InlineData("la\n[over\ntwo lines]")]
    public void A_bracket_that_opens_no_tag_stays_in_the_words(string words)
    {
        var parsed = LyricsParser.Parse($"[verse]\nla\n{words}");
        Assert.Equal(("verse", $"la\n{words}"), (Assert.Single(parsed.Sections).Tag, parsed.Sections[0].Words));
        Assert.Contains("lyrics: 1 '[' open(s) no tag and is part of the words", parsed.Warnings);
    }

    [Fact]
    public void Signs_before_the_first_tag_make_no_section_and_are_kept()
    {
        var parsed = LyricsParser.Parse("---\n[verse]\nla");
        Assert.Equal([new LyricSection("verse", "---\nla")], parsed.Sections);
        Assert.Equal(["lyrics: signs before the first tag are kept in the words of [verse]"], parsed.Warnings);
    }

    [Theory]
    [InlineData("")]
    [InlineData(" \n\t\u3000\u001C ")]
    [InlineData("\0\u0001")]
    public void Blank_lyrics_have_no_sections(string lyrics)
    {
        var parsed = LyricsParser.Parse(lyrics);
        Assert.Empty(parsed.Sections);
        Assert.Contains("lyrics: blank, nothing to sing", parsed.Warnings);
    }

    [Fact]
    public void Tags_without_words_are_kept_and_named()
    {
        var parsed = LyricsParser.Parse("[verse]\n\n[chorus]\n");
        Assert.Equal(["verse", "chorus"], parsed.Sections.Select(section => section.Tag));
        Assert.Equal(["lyrics: there are tags only and no words"], parsed.Warnings);
    }

    [Fact]
    public void A_prompt_marker_typed_as_a_tag_is_words()
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
    public void Brackets_without_end_are_quick_and_the_warnings_stay_short(string unit)
    {
        var watch = Stopwatch.StartNew();
        var parsed = LyricsParser.Parse(string.Concat(Enumerable.Repeat(unit, 20_000 / unit.Length)));
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(3), $"took {watch.Elapsed}");
        Assert.NotEmpty(parsed.Sections);
        Assert.All([.. parsed.Warnings, parsed.Take(1).Warning ?? ""], warning => Assert.InRange(warning.Length, 0, 1000));
    }

    [Theory]
    [InlineData(0, 3)]
    [InlineData(2, 2)]
    [InlineData(3, 3)]
    [InlineData(10, 3)]
    public void As_many_sections_are_taken_as_asked_for(int asked, int taken)
    {
        var sung = LyricsParser.Parse("[verse]a[chorus]b[outro]c").Take(asked);
        Assert.Equal(taken, sung.Sections.Count);
        Assert.Equal(taken < 3, sung.Warning is not null);
    }

    [Fact]
    public void Sections_not_asked_for_are_named() => Assert.Equal(
        "lyrics: 2 of 3 sections are not sung, because run_n_segments is 1: [chorus], [outro]",
        LyricsParser.Parse("[verse]a[chorus]b[outro]c").Take(1).Warning);

    [Fact]
    public void No_character_is_lost_but_brackets_of_tags() => GenLyrics.Sample(lyrics =>
    {
        var clean = UserText.Clean(lyrics, "lyrics").Text;
        var sections = LyricsParser.Parse(lyrics).Sections;
        var kept = string.Concat(sections.Select(section => $"{(section.WrittenTag is { } tag ? $"[{tag}]" : "")}{section.Words}"));
        Assert.Equal(WithoutSpace(clean).Order(), WithoutSpace(kept).Order());

        // Signs before the first tag move behind it; everything sung stays in order.
        Assert.Equal(LettersAndNumbers(clean), LettersAndNumbers(kept));
    }, iter: 2000);

    [Fact]
    public void Every_tag_is_one_word_and_no_prompt_marker() => GenLyrics.Sample(lyrics =>
        Assert.All(LyricsParser.Parse(lyrics).Sections, section =>
        {
            Assert.NotEmpty(section.Tag);
            Assert.DoesNotContain(section.Tag, c => c is '[' or ']' or '-' or ' ' or '\n');
            Assert.DoesNotContain($"[{section.Tag}]", UserText.PromptMarkers);
        }));

    /// <summary>The published regular expression, in a form in which .NET means by it what Python does, within the basic plane.</summary>
    [Fact]
    public void Whatever_the_reference_keeps_whole_is_cut_as_its_regular_expression_does() => GenLyrics.Sample(lyrics =>
    {
        var raw = lyrics.Replace("𠮷", "x", StringComparison.Ordinal);
        Assert.Equal(ByRegex(raw), LyricsParser.ParseAsReference(raw).Select(section => section.Text));

        var clean = UserText.Clean(raw, "lyrics").Text;
        if (WithoutSpace(ReferenceRegex().Replace(clean, "")).Length == 0)
        {
            Assert.Equal(ByRegex(clean), LyricsParser.Parse(clean).Sections.Select(section => section.Text));
        }
    }, iter: 2000);

    [Fact]
    public void Sections_of_the_reference_are_all_there_with_at_least_its_words() => GenLyrics.Sample(lyrics =>
    {
        var parsed = LyricsParser.Parse(lyrics);
        if (parsed.Warnings.Any(warning => warning.Contains("signs before", StringComparison.Ordinal)))
        {
            return;
        }

        Assert.Equal(
            LyricsParser.ParseAsReference(UserText.Clean(lyrics, "lyrics").Text),
            parsed.Sections.Where(section => section.WrittenTag == section.Tag)
                .Select(section => section with { Words = PythonStrip(section.Words.Split('[')[0]) }));
    }, iter: 2000);

    private static IEnumerable<string> ByRegex(string lyrics) => ReferenceRegex().Matches(lyrics)
        .Select(match => $"[{match.Groups[1].Value}]\n{PythonStrip(match.Groups[2].Value)}\n\n");

    private static string WithoutSpace(string text) => string.Concat(text.Where(c => !char.IsWhiteSpace(c) && c is not (>= '\x1C' and <= '\x1F')));

    private static string LettersAndNumbers(string text) => string.Concat(text.EnumerateRunes().Where(Rune.IsLetterOrDigit));

    private static string PythonStrip(string text) => StripRegex().Replace(text, "");

    [GeneratedRegex(@"\[([\p{L}\p{Nd}\p{Nl}\p{No}_]+)\](.*?)(?=\[|\z)", RegexOptions.Singleline)]
    private static partial Regex ReferenceRegex();

    [GeneratedRegex(@"\A[\s\x1c-\x1f]+|[\s\x1c-\x1f]+\z")]
    private static partial Regex StripRegex();
}
