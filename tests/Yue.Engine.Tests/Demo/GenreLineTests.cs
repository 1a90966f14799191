using Xunit;
using Yue.Engine.Songs;

namespace Yue.Engine.Tests.Demo;

/// <summary>Tests the codes that the demo model writes for free-form genre lines.</summary>
public sealed class GenreLineTests(DemoEngine demo) : IClassFixture<DemoEngine>
{
    private const string Lyrics =
        "[verse]\nWalking down the empty street\nThe rain is falling at my feet\n\n[chorus]\nTake me home tonight\n";

    [Theory]
    [InlineData("pop song with piano and a female singer, 60 bpm", 60)]
    [InlineData("acoustic folk, male, guitar, 96bpm", 96)]
    [InlineData("female pop at 120 BPM", 120)]
    [InlineData("indie rock, male vocals, 132 bpm", 132)]
    [InlineData("Punk Rock, 180 BPM, Male Vocals", 180)]
    public async Task The_song_has_the_supported_tempo_nearest_to_the_requested_one(string genre, double bpm)
    {
        var song = await Write(genre, seed: 1, sections: 1);
        Assert.InRange(DemoCodes.TempoBpm(song.Codes.Sections[0]) / bpm, 0.94, 1.06);
    }

    [Theory]
    [InlineData("slow sad ballad strings female", 42)]
    [InlineData("hip hop rap 90 bpm", 42)]
    [InlineData("epic orchestral cinematic", 7)]
    [InlineData("heavy metal, screaming, 160 bpm", 1)]
    [InlineData("Lo-fi chill beats", 1)]
    public async Task No_song_is_stuck_on_a_chord_and_every_section_fades_out(string genre, long seed)
    {
        var song = await Write(genre, seed);
        Assert.All(song.Codes.Sections, section =>
        {
            Assert.Equal(SectionEnd.EndOfAudio, section.Ended);
            Assert.InRange(DemoCodes.VoicedShare(section), 0.2, 1);
            Assert.InRange(DemoCodes.ChordCount(section), 2, 12);
            Assert.InRange(DemoCodes.LongestHoldSeconds(section), 0, 4);
            Assert.InRange(DemoCodes.FadeSeconds(section), 0.5, 1.5);
        });
    }

    private Task<SongResult> Write(string genre, long seed, int sections = 0) => demo.Submit(new()
    {
        Genre = genre,
        Lyrics = Lyrics,
        MaxNewTokens = 3000,
        RunNSegments = sections,
        Scope = SongScope.Draft,
        Seed = seed,
        Output = new OutputSettings { SampleRate = OutputSettings.CodecSampleRateHz },
    });
}
