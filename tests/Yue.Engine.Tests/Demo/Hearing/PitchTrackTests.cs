using Xunit;

namespace Yue.Engine.Tests.Demo.Hearing;

public sealed class PitchTrackTests
{
    private static readonly int[] CMajor = [0, 2, 4, 5, 7, 9, 11];
    private static readonly int[] FSharpMajor = [6, 8, 10, 11, 1, 3, 5];

    [Theory]
    [InlineData(98)]
    [InlineData(150)]
    [InlineData(196)]
    [InlineData(311)]
    [InlineData(440)]
    public void The_pitch_of_a_voice_is_found_within_10_cents(double hertz)
    {
        var pitch = PitchTrack.Of(Synthetic.Voice('a', hertz, seconds: 0.5));
        Assert.All(pitch.Hertz[3..^3], heard => Assert.InRange(1200 * Math.Log2(heard / hertz), -10, 10));
        Assert.Equal(hertz > PitchTrack.FemaleHz, pitch.IsFemale);
    }

    [Fact]
    public void Neither_silence_nor_noise_has_a_pitch()
    {
        Assert.All(PitchTrack.Of(Synthetic.Silence(0.5)).Hertz, hertz => Assert.Equal(0, hertz));
        Assert.InRange(PitchTrack.Of(Synthetic.Noise(0.5)).Hertz.Count(hertz => hertz > 0), 0, 2);
    }

    [Fact]
    public void A_scale_is_in_its_key_and_shares_two_notes_with_the_farthest_key()
    {
        var pitch = Sung(CMajor);
        Assert.InRange(pitch.InKey(CMajor), 0.97, 1);
        Assert.InRange(pitch.InKey(FSharpMajor), 0.25, 0.32);
    }

    [Fact]
    public void Seven_of_the_twelve_notes_are_in_a_key() => Assert.InRange(Sung(Enumerable.Range(0, 12)).InKey(CMajor), 0.55, 0.62);

    private static PitchTrack Sung(IEnumerable<int> pitchClasses) =>
        PitchTrack.Of([.. pitchClasses.SelectMany(pitchClass => Synthetic.Voice('o', Synthetic.HertzOf(48 + pitchClass), seconds: 0.3))]);
}
