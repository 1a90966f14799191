using Xunit;
using Yue.Engine.Audio;

namespace Yue.Engine.Tests.Audio;

public sealed class FadeOutTests
{
    [Fact]
    public void Both_channels_fade_equally()
    {
        var clip = new AudioClip([.. Enumerable.Repeat(new[] { 1f, -1f }, 100).SelectMany(pair => pair)], 100, Channels: 2);
        FadeOut.Apply(clip, 0.5);
        Assert.All(Enumerable.Range(0, 100), i => Assert.Equal(clip.Samples[2 * i], -clip.Samples[(2 * i) + 1]));
        Assert.Equal((1f, 0f), (clip.Samples[98], clip.Samples[198]));
        Assert.InRange(clip.Samples[100], 0.99f, 0.9999f);
    }

    [Fact]
    public void The_end_fades_to_silence_and_the_rest_is_unchanged()
    {
        var clip = new AudioClip([.. Enumerable.Repeat(0.5f, 400)], 100);
        FadeOut.Apply(clip, 1);
        Assert.All(clip.Samples[..300], sample => Assert.Equal(0.5f, sample));
        Assert.Equal(clip.Samples[300..].OrderDescending(), clip.Samples[300..]);
        Assert.Equal(0.25f, clip.Samples[349], 1e-6f);
        Assert.Equal(0, clip.Samples[^1]);
    }

    [Theory]
    [InlineData(0, 100)]
    [InlineData(0.25, 75)]
    [InlineData(30, 50)]
    public void A_fade_is_at_most_half_as_long_as_the_clip(double seconds, int untouched)
    {
        var clip = new AudioClip([.. Enumerable.Repeat(1f, 100)], 100);
        FadeOut.Apply(clip, seconds);
        Assert.Equal(untouched, clip.Samples.TakeWhile(sample => sample == 1).Count());
        FadeOut.Apply(new AudioClip([], 100), seconds);
    }

    [Fact]
    public void A_clip_faded_piece_by_piece_equals_the_clip_faded_as_a_whole()
    {
        var whole = new AudioClip(Signals.Noise(1000, 0.5f), 100);
        var pieces = whole.Samples.ToArray();
        FadeOut.Apply(whole, 3.21);
        Assert.Equal(321, FadeOut.SamplesOf(1000, 100, 3.21));
        for (var start = 0; start < pieces.Length; start += 90)
        {
            FadeOut.Apply(pieces.AsSpan(start, Math.Min(90, pieces.Length - start)), 679 - start, 321);
        }

        Assert.Equal(whole.Samples, pieces);
        Assert.Equal(0, pieces[^1]);
    }
}
