using Xunit;
using Yue.Engine.Families.Yue1.Decode;
using Yue.Engine.Songs;
using Yue.Testing;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.Codec;

public sealed class ChunkedDecoderTests
{
    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 1)]
    [InlineData(15, 1)]
    [InlineData(16, 1)]
    [InlineData(17, 2)]
    [InlineData(26, 2)]
    [InlineData(27, 3)]
    [InlineData(35, 3)]
    [InlineData(100, 10)]
    public void Every_frame_is_decoded_once_with_its_context(int frames, int windows)
    {
        List<long> lengths = [];

        // A decoder of two samples a frame: the sum of the frames at most 3 away, and how many zeros stood in for frames.
        static Tensor Decode(Tensor codes)
        {
            using var scope = NewDisposeScope();
            var rows = codes.to(ScalarType.Float32).unsqueeze(0);
            using var kernel = ones([1, 1, 7]);
            var sum = nn.functional.conv1d(rows, kernel, padding: 3);
            var inside = nn.functional.conv1d(ones_like(rows), kernel, padding: 3);
            return cat([sum, inside], dim: 1).transpose(1, 2).reshape(1, -1).MoveToOuterDisposeScope();
        }

        Tensor DecodeWindow(Tensor codes)
        {
            lengths.Add(codes.shape[1]);
            return Decode(codes);
        }

        using var codes = arange(1, frames + 1, ScalarType.Int64).view(1, -1);
        var whole = frames == 0 ? [] : GoldenCodec.Samples(Decode(codes));
        var chunked = new ChunkedDecoder(codes, DecodeWindow, frameSamples: 2, contextFrames: 3, chunkFrames: 10);
        List<int> decoded = [];
        while (!chunked.IsDone)
        {
            decoded.Add(chunked.Advance());
        }

        Assert.Equal(whole, chunked.Samples);
        Assert.Equal(frames, decoded.Sum());
        Assert.Equal(windows, decoded.Count);
        Assert.All(lengths, length => Assert.Equal(Math.Min(frames, 16), length));
    }

    [Fact]
    public void Values_that_are_not_finite_fail_the_song()
    {
        using var codes = zeros([8, 30], ScalarType.Int64);
        var chunked = new ChunkedDecoder(
            codes, part => full([1, part.shape[1]], float.NaN), frameSamples: 1, contextFrames: 2, chunkFrames: 10);
        var error = Assert.Throws<SongException>(() => chunked.Advance());
        Assert.Contains("frames 0 to 11", error.Message, StringComparison.Ordinal);
    }

    [Trait("Category", Goldens.Category)]
    public sealed class OfTheGoldens(GoldenCodec golden) : IClassFixture<GoldenCodec>
    {
        [Theory]
        [InlineData(1)]
        [InlineData(39)]
        [InlineData(40)]
        [InlineData(41)]
        [InlineData(80)]
        [InlineData(81)]
        [InlineData(215)]
        public void Chunks_give_the_samples_of_one_piece(int frames)
        {
            using var codes = golden.RandomCodes(frames, seed: frames);
            AssertEqualToWhole(codes, golden.Decoder.Decode, golden.Decoder.FrameSamples, golden.Decoder.ContextFrames);
            AssertEqualToWhole(codes, golden.Vocal.Decode, golden.Vocal.FrameSamples, golden.Vocal.ContextFrames);
        }

        private void AssertEqualToWhole(Tensor codes, Func<Tensor, Tensor> decode, int frameSamples, int contextFrames)
        {
            Tensor Decode(Tensor part)
            {
                using var embedding = golden.Decoder.Embed(part);
                return decode(embedding);
            }

            var chunked = new ChunkedDecoder(codes, Decode, frameSamples, contextFrames, chunkFrames: 40);
            while (!chunked.IsDone)
            {
                chunked.Advance();
            }

            TensorAssert.CloseToPeak(GoldenCodec.Samples(Decode(codes)), chunked.Samples, 1e-5);
        }
    }
}
