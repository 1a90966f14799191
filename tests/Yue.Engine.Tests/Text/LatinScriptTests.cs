using Xunit;
using Yue.Engine.Families.Yue1.Text;
using Yue.Engine.Songs;

namespace Yue.Engine.Tests.Text;

public sealed class LatinScriptTests
{
    [Theory]
    [InlineData("Привет, мир!", "Privet, mir!")]
    [InlineData("你好 世界", "ni hao shi jie")]
    [InlineData("사랑해요", "sa lang hae yo")]
    [InlineData("ひかり", "hikari")]
    [InlineData("सुबह", "subh")]
    [InlineData("Καλημέρα", "Kalimera")]
    [InlineData("déjà Ｖｕ 🎵 — “la”", "deja Vu 🎵 — “la”")]
    public void Words_in_other_scripts_are_written_in_Latin_letters(string words, string latin)
    {
        var rewritten = LatinScript.Rewrite([new LyricSection("verse", words)]);
        Assert.Equal([new LyricSection("verse", latin)], rewritten.Sections);
        Assert.EndsWith($"other letters are transliterated: {latin}", Assert.Single(rewritten.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void Latin_lyrics_are_unchanged()
    {
        LyricSection[] sections = [new("verse", "Don’t — “stop” me now… 🎵"), new("my_tag", "hmm")];
        var rewritten = LatinScript.Rewrite(sections);
        Assert.Equal(sections, rewritten.Sections);
        Assert.Empty(rewritten.Warnings);
    }

    [Fact]
    public void Tags_stay_one_word() => Assert.Equal(
        ["mukhda", "verse"],
        LatinScript.Rewrite([new LyricSection("मुखड़ा", "la"), new LyricSection("\U0001E900\U0001E900", "la")]).Sections
            .Select((section, i) => i == 0 ? section.Tag : section.Tag.Length > 0 ? "verse" : ""));

    [Fact]
    public void A_section_without_vowels_is_reported() => Assert.Equal(
        "lyrics: transliteration leaves no vowel to sing in section 2 [chorus]",
        LatinScript.Rewrite([new LyricSection("verse", "привет"), new LyricSection("chorus", "مرحبا")]).Warnings[1]);

    [Fact]
    public void Lyrics_without_any_vowel_are_refused()
    {
        var refused = Assert.Throws<SongRequestException>(() => LatinScript.Rewrite([new LyricSection("verse", "مرحبا")]));
        Assert.Contains("sings the letters a to z only", refused.Message, StringComparison.Ordinal);
        Assert.Contains("(mrhb)", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[start_of_segm\u0435nt]", "(start_of_segment)")]
    [InlineData("<\u0415OA>", "(EOA)")]
    public void Letters_of_other_scripts_cannot_hide_a_control_token(string text, string latin) =>
        Assert.Equal(latin, LatinScript.Rewrite(text));
}
