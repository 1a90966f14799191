using System.Runtime.CompilerServices;
using Xunit;
using Yue.Engine.Songs;

namespace Yue.Engine.Tests.Demo.Hearing;

/// <summary>Runs the demo model end to end on the CPU, and checks that the sound matches the request.</summary>
public sealed class SongHearingTests(SungSongs sung) : IClassFixture<SungSongs>
{
    private string All => string.Join('\n', sung.Songs);

    [Fact]
    public void The_voice_sings_in_key()
    {
        var inKey = sung.Songs.Average(song => song.InKey);
        Assert.True(inKey >= 0.85, $"{inKey:F2} of the voiced frames are in key\n{All}");
    }

    [Fact]
    public void The_syllables_of_the_lyrics_are_heard_in_order()
    {
        var expected = sung.Songs.Sum(song => song.Requested.Vowels.Length);
        var right = (double)sung.Songs.Sum(song => Syllables.Right(song.Vowels, song.Requested.Vowels)) / expected;
        var byChance = sung.Songs.Sum(song => Syllables.RightByChance(song.Vowels, song.Requested.Vowels)) / expected;
        Assert.True(right >= 0.6 && right >= byChance + 0.2, $"{right:F2} of the syllables are heard, {byChance:F2} by chance\n{All}");
    }

    [Fact]
    public void Tempo_mode_instrument_and_register_are_each_wrong_in_at_most_one_song()
    {
        Holds(song => BandEar.IsSameTempo(song.TempoBpm, song.Requested.TempoBpm));
        Holds(song => song.IsMinor == song.Requested.IsMinor);
        Holds(song => song.Instrument == song.Requested.Instrument);
        Holds(song => song.IsFemale == song.Requested.IsFemale);
    }

    [Fact]
    public void At_most_one_section_is_cut_off_and_more_words_take_longer()
    {
        Assert.InRange(sung.Songs.SelectMany(song => song.Sections).Count(section => section.Ended != SectionEnd.EndOfAudio), 0, 1);
        var twoSections = sung.Songs.Where(song => song.Sections.Count == 2).ToList();
        Assert.Equal(2, twoSections.Count);
        foreach (var song in twoSections)
        {
            Assert.True(song.Requested.Sections[0].Vowels.Length > song.Requested.Sections[1].Vowels.Length);
            Assert.True(song.Sections[0].DurationSeconds > song.Sections[1].DurationSeconds, song.ToString());
        }
    }

    [Fact]
    public void Songs_that_end_on_their_own_fade_out() =>
        Assert.All(
            sung.Songs.Where(song => song.Sections[^1].Ended == SectionEnd.EndOfAudio), song => Assert.InRange(song.TailDb, -90, -20));

    [Fact]
    public void No_song_is_faulty() => Assert.All(sung.Songs, song => Assert.False(song.IsFaulty, song.ToString()));

    [Fact]
    public async Task A_changed_word_in_the_genre_line_changes_only_what_it_describes()
    {
        var before = sung.Songs[0];
        Sounds(before, isFemale: true, isMinor: false, Instrument.Organ);
        Sounds(await sung.Sing(before.Requested with { IsFemale = false }), isFemale: false, isMinor: false, Instrument.Organ);
        Sounds(await sung.Sing(before.Requested with { IsMinor = true }), isFemale: true, isMinor: true, Instrument.Organ);
        var strings = await sung.Sing(before.Requested with { Instrument = Instrument.Strings });
        Sounds(strings, isFemale: true, isMinor: false, Instrument.Strings);
    }

    private static void Sounds(HeardSong song, bool isFemale, bool isMinor, Instrument instrument) =>
        Assert.True((song.IsFemale, song.IsMinor, song.Instrument) == (isFemale, isMinor, instrument), song.ToString());

    private void Holds(Func<HeardSong, bool> isRight, [CallerArgumentExpression(nameof(isRight))] string? what = null) =>
        Assert.True(sung.Songs.Count(isRight) >= sung.Songs.Count - 1, $"{what} does not hold\n{All}");
}
