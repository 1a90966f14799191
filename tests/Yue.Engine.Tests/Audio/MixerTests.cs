using Xunit;
using Yue.Engine.Audio;

namespace Yue.Engine.Tests.Audio;

public sealed class MixerTests
{
    [Fact]
    public void The_clamp_cuts_at_0_99_and_counts()
    {
        float[] samples = [0.99f, -0.99f, 0.991f, -2f, 0.5f, 1f];
        Assert.Equal(3, Mixer.Clamp(samples));
        Assert.Equal([0.99f, -0.99f, 0.99f, -0.99f, 0.5f, 0.99f], samples);
    }

    [Fact]
    public void The_sum_is_neither_scaled_nor_limited()
    {
        Assert.Equal([1.98f, -0.5f], Mixer.Sum([0.99f, 0.25f], [0.99f, -0.75f]));
        Assert.Throws<ArgumentException>(() => Mixer.Sum([1f], []));
    }

    [Fact]
    public void Full_scale_itself_does_not_clip() => Assert.Equal(2, Mixer.CountPastFullScale([1f, -1f, 1.001f, -1.001f, 0f]));
}
