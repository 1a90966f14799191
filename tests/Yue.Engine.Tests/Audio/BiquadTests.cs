using Xunit;
using Yue.Engine.Audio;
using Yue.Testing;

namespace Yue.Engine.Tests.Audio;

public sealed class BiquadTests
{
    [Theory]
    [Trait("Category", Goldens.Category)]
    [InlineData("low")]
    [InlineData("high")]
    public void A_filtered_signal_equals_the_golden(string band)
    {
        using var expected = new ExpectedValues("audio", "expected_audio.safetensors");
        var input = expected.Floats("biquad.in");
        var output = new float[input.Length];
        (band == "low" ? Biquad.LowPass(44100, 5500) : Biquad.HighPass(44100, 5500)).Apply(input, output);
        TensorAssert.Close(expected.Floats($"biquad.{band}5500"), output, 1e-5, band);
    }

    [Fact]
    public void The_coefficients_are_the_published_ones()
    {
        var (low, high) = (Biquad.LowPass(44100, 5500), Biquad.HighPass(44100, 5500));

        TensorAssert.Close(
            [0.09726458f, 0.19452916f, 0.09726458f, -0.94500065f, 0.33405896f], [low.B0, low.B1, low.B2, low.A1, low.A2], 1e-7);
        TensorAssert.Close(
            [0.56976490f, -1.13952980f, 0.56976490f, -0.94500065f, 0.33405896f], [high.B0, high.B1, high.B2, high.A1, high.A2], 2e-7);
    }

    [Fact]
    public void The_output_is_clamped_but_the_recursion_is_not()
    {
        // A step of height 3 settles at 3, and the output is clamped to 1. When the step ends, the unclamped value decays from 3.
        var input = new float[400];
        input.AsSpan(0, 200).Fill(3);
        var (clamped, small) = (new float[400], new float[400]);
        Biquad.LowPass(44100, 5500).Apply(input, clamped);
        Biquad.LowPass(44100, 5500).Apply([.. input.Select(sample => sample / 100)], small);

        TensorAssert.Close([.. small.Select(sample => Math.Clamp(sample * 100, -1, 1))], clamped, 1e-5);
        Assert.Equal(1f, clamped[150]);
    }

    [Fact]
    public void Low_pass_and_high_pass_filters_pass_only_their_bands()
    {
        static float Peak(Biquad filter, double frequencyHz)
        {
            var wave = Signals.Sine(4000, frequencyHz, 44100, 0.5);
            filter.Apply(wave, wave);
            return wave.Skip(1000).Max();
        }

        var (low, high) = (Biquad.LowPass(44100, 5500), Biquad.HighPass(44100, 5500));
        Assert.InRange(Peak(low, 200), 0.499f, 0.501f);
        Assert.InRange(Peak(high, 200), 0, 0.001f);
        Assert.InRange(Peak(low, 5500), 0.352f, 0.355f);
        Assert.InRange(Peak(high, 5500), 0.352f, 0.355f);
        Assert.InRange(Peak(low, 20000), 0, 0.01f);
        Assert.InRange(Peak(high, 20000), 0.49f, 0.51f);
    }

    [Theory]
    [InlineData(0f)]
    [InlineData(-1f)]
    [InlineData(22051f)]
    [InlineData(float.NaN)]
    public void A_cutoff_that_is_not_between_0_and_half_the_sample_rate_is_refused(float cutoffHz) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => Biquad.LowPass(44100, cutoffHz));
}
