using Xunit;
using Yue.Engine.Audio;
using Yue.Testing;

namespace Yue.Engine.Tests.Audio;

public sealed class ResamplerTests
{
    [Theory]
    [Trait("Category", Goldens.Category)]
    [InlineData(16000, 44100)]
    [InlineData(22050, 16000)]
    [InlineData(44100, 16000)]
    [InlineData(48000, 16000)]
    public void A_resampled_signal_equals_the_golden(int fromHz, int toHz)
    {
        using var expected = new ExpectedValues("audio", "expected_audio.safetensors");
        var output = new Resampler(fromHz, toHz).Apply(expected.Floats($"resample_{fromHz}_{toHz}.in"));
        TensorAssert.Close(expected.Floats($"resample_{fromHz}_{toHz}.out"), output, 1e-5, $"{fromHz} to {toHz} Hz");
    }

    [Theory]
    [InlineData(16000, 44100, 160, 441, 7, 174)]
    [InlineData(44100, 16000, 441, 160, 17, 475)]
    [InlineData(48000, 16000, 3, 1, 19, 41)]
    public void The_kernels_have_the_published_sizes(int fromHz, int toHz, int step, int phases, int width, int taps)
    {
        var resampler = new Resampler(fromHz, toHz);
        Assert.Equal((step, phases, width, taps), (resampler.InputStep, resampler.Phases, resampler.Width, resampler.Taps));
    }

    [Fact]
    public void A_codec_frame_becomes_a_vocoder_frame()
    {
        var resampler = new Resampler(16000, 44100);
        Assert.All(Enumerable.Range(0, 2000), frames => Assert.Equal(882 * frames, resampler.OutputLength(320 * frames)));
    }

    [Fact]
    public void The_published_values_of_the_reference_are_reproduced()
    {
        // The clip that yue doctor --deep resamples (RecipeClips; docs/model.md 10). Its noise comes from a linear congruential generator
        // with seed 4242 that is advanced once before each sample, and its samples have 16 bits.
        var state = 4242u;
        var input = new float[499];
        for (var i = 0; i < input.Length; i++)
        {
            state = unchecked((1664525u * state) + 1013904223u);
            var x = (0.4 * (((state >> 8) / 16777216.0) - 0.5)) + (0.5 * Math.Sin(0.05 * i));
            input[i] = (float)Math.Floor((32767 * x) + 0.5) / 32768;
        }

        float[] expected =
        [
            0.00840338971465826f, 0.02939489483833313f, 0.2271393984556198f, 0.21687063574790955f,
            0.26996612548828125f, 0.32735475897789f, 0.45934030413627625f, 0.3711856007575989f,
        ];
        var output = new Resampler(44100, 16000).Apply(input);
        Assert.Equal(182, output.Length);
        TensorAssert.Close(expected, output.AsSpan(0, 8), 2e-7);
    }

    [Theory]
    [InlineData(16000, 44100)]
    [InlineData(44100, 16000)]
    [InlineData(48000, 44100)]
    [InlineData(11025, 96000)]
    [InlineData(7, 3)]
    [InlineData(3, 7)]
    [InlineData(33, 1)]
    [InlineData(1, 1)]
    public void Every_output_is_the_sum_over_all_taps(int fromHz, int toHz)
    {
        var input = Signals.Noise(700);
        TensorAssert.Close(ByDefinition(input, fromHz, toHz), new Resampler(fromHz, toHz).Apply(input), 1e-5);
    }

    [Fact]
    public void A_tone_keeps_its_frequency_and_level()
    {
        var output = new Resampler(16000, 44100).Apply(Signals.Sine(8000, 440, 16000, 0.5));
        var expected = Signals.Sine(output.Length, 440, 44100, 0.5);
        TensorAssert.Close(expected.AsSpan(100, 21800), output.AsSpan(100, 21800), 1e-3);
    }

    [Fact]
    public void No_input_gives_no_output_and_the_output_length_is_rounded_up()
    {
        var resampler = new Resampler(44100, 16000);
        Assert.Empty(resampler.Apply([]));
        Assert.Single(resampler.Apply([1f]));
    }

    [Theory]
    [InlineData(0, 16000)]
    [InlineData(16000, -1)]
    [InlineData(16000, 1_000_001)]
    public void A_rate_out_of_bounds_is_refused(int fromHz, int toHz) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new Resampler(fromHz, toHz));

    /// <summary>Resamples literally as in docs/model.md 7.2: every tap of every phase over the padded signal.</summary>
    private static float[] ByDefinition(float[] input, int fromHz, int toHz)
    {
        var divisor = (int)System.Numerics.BigInteger.GreatestCommonDivisor(fromHz, toHz);
        if (fromHz == toHz)
        {
            return input;
        }

        var (o, n) = (fromHz / divisor, toHz / divisor);
        var cutoff = 0.99 * Math.Min(o, n);
        var width = (int)Math.Ceiling(6 * o / cutoff);
        var output = new float[((n * input.Length) + o - 1) / o];
        for (var i = 0; i < output.Length; i++)
        {
            double sum = 0;
            for (var k = 0; k < (2 * width) + o; k++)
            {
                var at = (i / n * o) + k - width;
                if (at >= 0 && at < input.Length)
                {
                    var t = Math.Clamp((((float)-(i % n) / n) + ((double)(k - width) / o)) * cutoff, -6, 6);
                    var window = Math.Cos(Math.PI * t / 12);
                    sum += input[at] * (t == 0 ? 1 : Math.Sin(Math.PI * t) / (Math.PI * t)) * window * window * cutoff / o;
                }
            }

            output[i] = (float)sum;
        }

        return output;
    }

    [Theory]
    [InlineData(16000, 44100)]
    [InlineData(44100, 16000)]
    [InlineData(48000, 16000)]
    [InlineData(16000, 16000)]
    public void Outputs_that_are_final_can_be_computed_before_the_input_ends(int fromHz, int toHz)
    {
        var resampler = new Resampler(fromHz, toHz);
        var input = Signals.Noise(5000, 0.5f);
        var whole = resampler.Apply(input);
        List<float> pieces = [];
        for (var written = 0; written < input.Length; written = Math.Min(written + 371, input.Length))
        {
            Add(resampler.FinalOutputs(written), written);
        }

        Assert.InRange(whole.Length - pieces.Count, 0, toHz / 40);
        Add(whole.Length, input.Length);
        Assert.Equal(whole, pieces);

        void Add(int outputs, int written)
        {
            var piece = new float[outputs - pieces.Count];
            resampler.Apply(input.AsSpan(0, written), pieces.Count, piece);
            pieces.AddRange(piece);
        }
    }
}
