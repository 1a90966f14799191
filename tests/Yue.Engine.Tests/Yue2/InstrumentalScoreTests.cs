using Xunit;
using Yue.Engine.Families.Yue2;
using Yue.Engine.Families.Yue2.Text;

namespace Yue.Engine.Tests.Yue2;

public sealed class InstrumentalScoreTests
{
    private const string Header = "X:1\nT:\nM:4/4\nL:1/16\nQ:1/4=88\nV: Vocal clef=treble name=\"Vocal Melody\" snm=\"Vocal\"\n"
        + "V: Ins clef=treble name=\"Ins Melody\" snm=\"Inst.\"\nK:C\n";

    [Fact]
    public void The_vocal_melody_moves_to_the_instruments_and_the_chords_stay()
    {
        var moved = InstrumentalScore.Of(
            Header + "% verse\nV: Vocal\n\"C\"E2G2A2G2\"G\"E2D2C4|Z|D8z8|\nV: Ins\nZ2|c16|\n"
                + "% chorus\nV: Vocal\nZ2|\nV: Ins\nc16|Z|\n");
        Assert.Equal(
            Header + "% verse\nV: Vocal\n\"C\"z8\"G\"z8|Z2|\nV: Ins\nE2G2A2G2E2D2C4|Z|D8z8|\n% chorus\nV: Vocal\nZ2|\nV: Ins\nc16|Z|\n",
            moved!.Score);
        Assert.True(moved.HasChords);
        Assert.Equal(["verse", "chorus"], moved.Sections);
    }

    [Fact]
    public void No_chords_are_added_to_a_score_without_chords()
    {
        var moved = InstrumentalScore.Of(Header + "V: Vocal\n^F,4(3G2A2B2c'8-|c16|\nV: Ins\nZ2|\n");
        Assert.Equal(Header + "V: Vocal\nZ2|\nV: Ins\n^F,4(3G2A2B2c'8-|c16|\n", moved!.Score);
        Assert.False(moved.HasChords);
        Assert.Empty(moved.Sections);
    }

    [Theory]
    [InlineData("z4\"C\"E4|", "z4\"C\"z4|")]
    [InlineData("\"C\"E/2F3/2\"G\"(3G2A2B2|", "\"C\"z2\"G\"z4|")]
    [InlineData("\"C\"E\"G\"F/|", "\"C\"z\"G\"z/2|")]
    public void Rests_are_as_long_as_the_notes_before_the_next_chord(string bar, string silenced)
    {
        var moved = InstrumentalScore.Of($"K:C\nV: Vocal\n{bar}\nV: Ins\nZ|\n");
        Assert.Equal(silenced, moved!.Score.Split('\n')[2]);
    }

    [Theory]
    [InlineData("")]
    [InlineData("la la la")]
    [InlineData("X:1\nK:C\n")]
    [InlineData("X:1\nV: Vocal\nC16|\n")]                           // no key
    [InlineData("K:C\nC16|\n")]                                     // no voice
    [InlineData("K:C\nV: Bass\nC16|\n")]                            // another voice
    [InlineData("K:C\nV: Vocal\nC16|\nV: Ins\nZ2|\n")]              // bars that do not correspond
    [InlineData("K:C\nV: Vocal\n|:C16:|\nV: Ins\nZ|\n")]            // a repeat
    [InlineData("K:C\nV: Vocal\n[CEG]16|\nV: Ins\nZ|\n")]           // simultaneous notes
    [InlineData("K:C\nV: Vocal\nC>D|\nV: Ins\nZ|\n")]               // a broken rhythm
    [InlineData("K:C\nV: Vocal\nC/5D4/5|\nV: Ins\nZ|\n")]           // a fifth of the unit length
    [InlineData("K:C\nV: Vocal\nC16\nV: Ins\nZ|\n")]                // no bar line
    public void A_score_that_cannot_be_read_bar_by_bar_is_not_converted(string score) => Assert.Null(InstrumentalScore.Of(score));

    [Theory]
    [InlineData("folk, fiddle", "Instrumental, folk, fiddle, no vocals, no singing, no choir, no spoken words.")]
    [InlineData("instrumental folk, no choir.", "instrumental folk, no choir, no vocals, no singing, no spoken words.")]
    [InlineData(" ", "Instrumental, no vocals, no singing, no choir, no spoken words.")]
    public void The_style_of_an_instrumental_song_asks_for_no_voices(string style, string expected) =>
        Assert.Equal(expected, SongScript.InstrumentalStyle(style));

    [Theory]
    [InlineData("X:1\nK:C\nCDEF|", true)]
    [InlineData("just words", false)]
    [InlineData("The key is K:C", false)]
    public void A_score_without_a_key_line_causes_a_warning(string score, bool isAbc) =>
        Assert.Equal(isAbc, ScoreText.WarningOf(score) is null);
}
