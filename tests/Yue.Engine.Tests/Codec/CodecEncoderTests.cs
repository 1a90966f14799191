using Xunit;
using Yue.Engine.Tests.Audio;
using Yue.Testing;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.Codec;

[Trait("Category", Goldens.Category)]
public sealed class CodecEncoderTests(GoldenCodec golden) : IClassFixture<GoldenCodec>
{
    [Theory]
    [InlineData("frames_100")]
    [InlineData("odd_length")]
    [InlineData("ragged")]
    public void The_semantic_features_of_a_clip_equal_the_golden(string clip)
    {
        using var expected = new ExpectedValues("xcodec_mini_infer", "expected_codec.safetensors");
        using var wave = tensor(expected.Floats($"{clip}.wav"));
        using var features = golden.Encoder.SemanticFeatures(wave);
        using var reference = expected.Tensor($"{clip}.semantic_features");
        TensorAssert.Close(reference, features, 1e-4, clip);
    }

    [Theory]
    [InlineData("frames_100", "bw0_5", 0.5, 1)]
    [InlineData("frames_100", "bw6", 6, 12)]
    [InlineData("odd_length", "bw0_5", 0.5, 1)]
    [InlineData("odd_length", "bw6", 6, 12)]
    [InlineData("ragged", "bw0_5", 0.5, 1)]
    [InlineData("ragged", "bw6", 6, 12)]
    public void The_codes_of_a_clip_equal_the_golden(string clip, string row, double bandwidthKbps, int stages)
    {
        using var expected = new ExpectedValues("xcodec_mini_infer", "expected_codec.safetensors");
        using var wave = tensor(expected.Floats($"{clip}.wav"));
        using var codes = golden.Encoder.Encode(wave, bandwidthKbps);
        using var reference = expected.Tensor($"{clip}.codes_{row}", ScalarType.Int64);

        Assert.Equal(stages, codes.shape[0]);
        Assert.Equal(reference.shape, codes.shape);

        // Two entries of a codebook can be equally close to a vector. Rounding, which depends on the CPU and the alignment of memory,
        // then decides between them, and the later stages of that frame can differ too.
        using var differs = codes.ne(reference).any(dim: 0);
        Assert.InRange(differs.sum().item<long>(), 0, 1);
    }

    [Theory]
    [InlineData(0.1, 1)]
    [InlineData(0.5, 1)]
    [InlineData(0.99, 1)]
    [InlineData(1, 2)]
    [InlineData(1.5, 3)]
    [InlineData(4, 8)]
    [InlineData(6, 12)]
    public void A_bandwidth_gives_one_row_per_half_kilobit(double bandwidthKbps, int stages) =>
        Assert.Equal(stages, golden.Encoder.StagesOf(bandwidthKbps));

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(6.5)]
    [InlineData(double.NaN)]
    public void A_bandwidth_that_the_codec_does_not_support_is_refused(double bandwidthKbps) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => golden.Encoder.StagesOf(bandwidthKbps));

    [Fact]
    public void The_frame_counts_match_the_published_formulas()
    {
        var random = new Random(5);
        var lengths = Enumerable.Range(0, 2000).Concat(Enumerable.Range(0, 2000).Select(_ => random.Next(400_000)));
        Assert.All(lengths, samples =>
        {
            Assert.Equal((samples + 8) / 320, golden.Encoder.AcousticFrames(samples));
            Assert.Equal((samples + 240) / 320, golden.Encoder.FrameCount(samples));
            Assert.Equal(samples % 320 is >= 80 and <= 311, golden.Encoder.AcousticFrames(samples) != golden.Encoder.FrameCount(samples));
        });
    }

    [Theory]
    [InlineData(0)]
    [InlineData(79)]
    [InlineData(80)]
    [InlineData(311)]
    [InlineData(312)]
    [InlineData(399)]
    [InlineData(400)]
    [InlineData(1600)]
    [InlineData(2543)]
    public void A_wave_of_any_length_is_encoded_to_the_computed_number_of_frames(int samples)
    {
        using var wave = tensor(Signals.Noise(samples, 0.3f));
        using var codes = golden.Encoder.Encode(wave, 1);
        Assert.Equal([2, golden.Encoder.FrameCount(samples)], codes.shape);
    }

    [Fact]
    public void The_first_row_does_not_depend_on_the_bandwidth()
    {
        using var wave = tensor(Signals.Noise(8000, 0.3f));
        using var one = golden.Encoder.Encode(wave, 0.5);
        using var all = golden.Encoder.Encode(wave, 6);
        using var first = all.narrow(0, 0, 1);
        Assert.Equal(one.data<long>().ToArray(), first.data<long>().ToArray());
    }
}
