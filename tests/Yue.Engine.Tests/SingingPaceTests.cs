using Xunit;
using Yue.Engine.Families.Yue1;
using Yue.Engine.Songs;

namespace Yue.Engine.Tests;

public sealed class SingingPaceTests
{
    private static readonly SingingPace Demo = SingingPace.Of(isDemo: true);

    [Theory]
    [InlineData("slow sad ballad 70 bpm", 70)]
    [InlineData("rock, 140BPM", 140)]
    [InlineData("Genre: rock, Tempo: 96", 96)]
    [InlineData("bpm 120 dance", 120)]
    [InlineData("80s synth pop", 110)]
    [InlineData("999 bpm", 110)]
    [InlineData("5 bpm", 110)]
    [InlineData("", 110)]
    public void The_tempo_is_taken_from_the_genre_line(string genre, double tempo) => Assert.Equal(tempo, Demo.TempoOf(genre));

    /// <remarks>The lengths were measured with the demo model and these lyrics (<c>Yue.Bench progress</c>).</remarks>
    [Theory]
    [InlineData(
        "electronic dance 125 bpm female bright vocal",
        "home never we never were\nrunning never silver again go light\ngo hold we\nwindow river river",
        22.1)]
    [InlineData("slow sad ballad strings male 70 bpm", "we under let and home\nunder river me", 16.0)]
    [InlineData(
        "fast punk rock male 160 bpm",
        "again silver now\nlet hold river we river river the\nme falling hold stars light\nand now stars",
        15.1)]
    public void The_expected_length_is_close_to_what_the_demo_model_sings(string genre, string words, double seconds) =>
        Assert.InRange(Seconds(genre, $"[verse]\n{words}") / seconds, 0.75, 1.33);

    [Fact]
    public void A_silent_e_is_not_a_syllable()
    {
        Assert.Equal(Seconds("", "[verse]\ntim"), Seconds("", "[verse]\ntime"));
        Assert.True(Seconds("", "[verse]\nthe") > Seconds("", "[verse]\nth"));
    }

    [Fact]
    public void The_expected_length_is_never_above_the_limit_or_below_one_second()
    {
        var lyrics = $"[verse]\n{string.Concat(Enumerable.Repeat("la ", 500))}\n[chorus]\n";
        var request = new SongRequest { Lyrics = lyrics, MaxNewTokens = 1200 };
        Assert.Equal(12, SongPlan.For(request).ExpectedSeconds(request, Demo)[0]);
        Assert.All(
            SongPlan.For(request).ExpectedSeconds(request, SingingPace.Of(isDemo: false)),
            seconds => Assert.InRange(seconds!.Value, 1, 12));
    }

    private static double Seconds(string genre, string lyrics)
    {
        var request = new SongRequest { Lyrics = lyrics, Genre = genre };
        return Assert.Single(SongPlan.For(request).ExpectedSeconds(request, Demo))!.Value;
    }
}
