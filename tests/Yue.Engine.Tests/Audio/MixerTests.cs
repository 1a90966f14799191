using Xunit;
using Yue.Engine.Audio;

namespace Yue.Engine.Tests.Audio;

public sealed class MixerTests
{
    [Fact]
    public void Samples_are_clamped_to_0_99_and_the_clamped_ones_are_counted()
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
    public void Samples_at_full_scale_are_not_counted_as_past_it() =>
        Assert.Equal(2, Mixer.CountPastFullScale([1f, -1f, 1.001f, -1.001f, 0f]));
}
