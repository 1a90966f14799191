using Xunit;
using Yue.Engine.Tests.Audio;
using Yue.Testing;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.Codec;

[Trait("Category", Goldens.Category)]
public sealed class CodecDecoderTests(GoldenCodec golden) : IClassFixture<GoldenCodec>
{
    [Fact]
    public void Decoded_codes_equal_the_golden()
    {
        using var expected = new ExpectedValues("xcodec_mini_infer", "expected_codec.safetensors");
        using var codes = expected.Tensor("decode.codes", ScalarType.Int32);
        using var embedding = golden.Decoder.Embed(codes);
        using var wave = golden.Decoder.Decode(embedding);
        using var expectedEmbedding = expected.Tensor("decode.embedding");

        using var rows = embedding.squeeze(0);
        TensorAssert.Close(expectedEmbedding, rows, 1e-5, "embedding");
        Assert.Equal(1, wave.shape[0]);
        TensorAssert.CloseToPeak(expected.Floats("decode.wav"), wave.data<float>().ToArray(), 1e-4, "16 kHz wave");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(37)]
    public void Each_frame_gives_exactly_one_hop_of_samples(int frames)
    {
        using var codes = golden.RandomCodes(frames);
        using var embedding = golden.Decoder.Embed(codes);
        Assert.Equal([1, golden.Decoder.Channels, frames], embedding.shape);
        var samples = GoldenCodec.Samples(golden.Decoder.Decode(embedding));
        Assert.Equal(golden.Decoder.FrameSamples * frames, samples.Length);
        Assert.All(samples, sample => Assert.True(float.IsFinite(sample)));
    }

    [Fact]
    public void The_embedding_is_the_sum_of_one_row_of_each_codebook()
    {
        using var scope = NewDisposeScope();
        var (codes, others) = (golden.RandomCodes(5), (golden.RandomCodes(5) + 1) % 1024);
        for (var k = 0; k < 8; k++)
        {
            // Replacing row k changes the sum by the same amount, whatever the other rows are.
            var change = golden.Decoder.Embed(WithRow(codes, k, others)) - golden.Decoder.Embed(codes);
            Assert.True(change.abs().max().item<float>() > 1e-3);
            TensorAssert.Close(golden.Decoder.Embed(others) - golden.Decoder.Embed(WithRow(others, k, codes)), change, 1e-5);
        }

        var swapped = WithRow(WithRow(codes, 0, codes, from: 1), 1, codes, from: 0);
        Assert.False(golden.Decoder.Embed(swapped).allclose(golden.Decoder.Embed(codes)));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(1024)]
    public void A_code_outside_its_codebook_is_refused(int code)
    {
        using var codes = golden.RandomCodes(4);
        codes[3, 2] = code;
        var error = Assert.Throws<ArgumentException>(() => golden.Decoder.Embed(codes));
        Assert.Contains($"{code}", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void More_rows_than_codebooks_and_an_embedding_of_the_wrong_width_are_refused()
    {
        using var codes = zeros([13, 2], ScalarType.Int32);
        using var embedding = zeros([1, golden.Decoder.Channels + 1, 2]);
        Assert.Contains("13 rows", Assert.Throws<ArgumentException>(() => golden.Decoder.Embed(codes)).Message, StringComparison.Ordinal);
        Assert.Contains(
            "embedding", Assert.Throws<ArgumentException>(() => golden.Decoder.Decode(embedding)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_frame_depends_only_on_its_context()
    {
        const int Frames = 60, Changed = 30;
        using var codes = golden.RandomCodes(Frames);
        using var other = codes.clone();
        other[0, Changed] = (codes[0, Changed].item<int>() + 1) % golden.Config.CodebookSize;
        using var first = golden.Decoder.Embed(codes);
        using var second = golden.Decoder.Embed(other);
        var (a, b) = (GoldenCodec.Samples(golden.Decoder.Decode(first)), GoldenCodec.Samples(golden.Decoder.Decode(second)));
        var peak = a.Max(Math.Abs);

        // Samples outside the context are equal except for the rounding of sums. The ratios 8, 5, 4 and 2 give a context of 10.4 frames.
        var (hop, context) = (golden.Decoder.FrameSamples, golden.Decoder.ContextFrames);
        var differ = Enumerable.Range(0, a.Length)
            .Where(i => Math.Abs(a[i] - b[i]) > 1e-6 * peak).Select(i => i / hop).Distinct().ToArray();
        Assert.Contains(Changed, differ);
        Assert.All(differ, frame => Assert.InRange(frame, Changed - context, Changed + context));
        Assert.Equal(11, context);
    }

    [Fact]
    public void Decoding_leaves_no_tensor_behind()
    {
        using var codes = golden.RandomCodes(3);
        using var scope = NewDisposeScope();
        using (var embedding = golden.Decoder.Embed(codes))
        {
            golden.Decoder.Decode(embedding).Dispose();
        }

        Assert.Equal(0, scope.DisposablesCount);
    }

    /// <summary>Returns codes in which one row is replaced by a row of other codes.</summary>
    private static Tensor WithRow(Tensor codes, int row, Tensor others, int? from = null)
    {
        var changed = codes.clone();
        changed.select(0, row).copy_(others.select(0, from ?? row));
        return changed;
    }
}
