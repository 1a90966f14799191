using Xunit;

namespace Yue.Engine.Tests.Demo.Hearing;

public sealed class VowelEarTests
{
    [Theory]
    [InlineData("aeiou", 110)]
    [InlineData("ooieuaae", 165)]
    [InlineData("uoiea", 247)]
    [InlineData("iieaouea", 330)]
    public void Vowels_are_detected_in_order(string sung, double hertz) => Assert.Equal(sung, Heard(sung, hertz));

    [Fact]
    public void Sung_consonants_are_not_detected_as_vowels() => Assert.Equal("ai", Heard("maliw", 130));

    [Fact]
    public void A_missing_syllable_counts_as_one_mistake()
    {
        Assert.Equal(10, Syllables.Right("aeiouaeiou", "aeiouaeiou"));
        Assert.Equal(9, Syllables.Right("aeiouaeio", "aeiouaeiou"));
        Assert.Equal(0, Syllables.Right("aaaaa", "eiouu"));
    }

    [Fact]
    public void Shuffled_lyrics_match_at_most_40_percent_of_the_syllables()
    {
        const string Vowels = "oeieeeeieaouiaaeoiuu";
        Assert.Equal(Vowels.Length, Syllables.Right(Vowels, Vowels));
        Assert.InRange(Syllables.RightByChance(Vowels, Vowels), 0, 0.4 * Vowels.Length);
    }

    private static string Heard(string symbols, double hertz)
    {
        float[] wave = [.. symbols.SelectMany(symbol => Synthetic.Voice(symbol, hertz, seconds: 0.2).Concat(Synthetic.Silence(0.1)))];
        return VowelEar.Sung(wave, PitchTrack.Of(wave));
    }
}
