using Xunit;

namespace Yue.Engine.Tests.Demo.Hearing;

public sealed class FaultsTests
{
    private static readonly float[] Sound = Synthetic.Voice('a', 200, seconds: 2);

    [Fact]
    public void A_pause_is_not_a_fault() => Assert.False(Faults.Has([.. Sound, .. Synthetic.Silence(1.5), .. Sound]));

    [Fact]
    public void A_long_silence_is_a_fault() => Assert.True(Faults.Has([.. Sound, .. Synthetic.Silence(2.5), .. Sound]));

    [Fact]
    public void Clipping_is_a_fault() => Assert.True(Faults.Has([.. Sound.Select(sample => Math.Clamp(20 * sample, -1, 1))]));

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void A_sample_that_is_not_finite_is_a_fault(float value) => Assert.True(Faults.Has([.. Sound, value]));
}
