using Xunit;
using Yue.Engine.Families.Yue1.Decode;
using Yue.Engine.Songs;
using Yue.Testing;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.Codec;

public sealed class TrackDecoderTests
{
    private static readonly DecodeWindows Tens = new([], [10]);

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 1)]
    [InlineData(12, 1)]
    [InlineData(13, 2)]
    [InlineData(17, 2)]
    [InlineData(22, 2)]
    [InlineData(23, 3)]
    [InlineData(35, 4)]
    [InlineData(100, 10)]
    public void Every_frame_is_decoded_once_with_its_context(int frames, int windows)
    {
        // A decoder that gives two samples per frame: the sum of the codes of the frames at most 3 away, and the number of these frames.
        static Tensor Decode(Tensor codes)
        {
            using var scope = NewDisposeScope();
            var rows = codes.to(ScalarType.Float32).unsqueeze(0);
            using var kernel = ones([1, 1, 7]);
            var sum = nn.functional.conv1d(rows, kernel, padding: 3);
            var inside = nn.functional.conv1d(ones_like(rows), kernel, padding: 3);
            return cat([sum, inside], dim: 1).transpose(1, 2).reshape(1, -1).MoveToOuterDisposeScope();
        }

        using var codes = arange(1, frames + 1, ScalarType.Int64).view(1, -1);
        var whole = frames == 0 ? [] : GoldenCodec.Samples(Decode(codes));
        var track = new CodeTrack();
        var decoder = new TrackDecoder(track, Decode, frameSamples: 2, contextFrames: 3, Tens);
        List<float[]> decoded = [];
        for (var written = 0; !decoder.IsDone; written++)
        {
            while (decoder.CanAdvance)
            {
                decoded.Add(decoder.Advance());
            }

            if (written < frames)
            {
                track.Append([[written + 1]]);
            }
            else if (!track.IsComplete)
            {
                track.Complete();
            }
        }

        Assert.Equal(whole, decoded.SelectMany(samples => samples));
        Assert.Equal(windows, decoded.Count);
        Assert.Equal(frames, decoder.FramesDone);
        Assert.Throws<InvalidOperationException>(() => decoder.Advance());
    }

    [Fact]
    public void Values_that_are_not_finite_fail_the_song()
    {
        var track = Complete([.. Enumerable.Range(0, 8).Select(_ => new int[30])]);
        var decoder = new TrackDecoder(track, part => full([1, part.shape[1]], float.NaN), frameSamples: 1, contextFrames: 2, Tens);
        var error = Assert.Throws<SongException>(() => decoder.Advance());
        Assert.Contains("frames 0 to 9", error.Message, StringComparison.Ordinal);
    }

    private static CodeTrack Complete(int[][] codes)
    {
        var track = new CodeTrack();
        track.Append(codes);
        track.Complete();
        return track;
    }

    [Trait("Category", Goldens.Category)]
    public sealed class WithGoldens(GoldenCodec golden) : IClassFixture<GoldenCodec>
    {
        [Theory]
        [InlineData(1)]
        [InlineData(39)]
        [InlineData(40)]
        [InlineData(41)]
        [InlineData(80)]
        [InlineData(81)]
        [InlineData(215)]
        public void Decoding_in_windows_equals_decoding_in_one_piece(int frames)
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

            var track = Complete(SongDecoder.RowsOf(codes));
            var decoder = new TrackDecoder(track, Decode, frameSamples, contextFrames, new DecodeWindows([10, 25], [40, 20]));
            List<float> samples = [];
            while (!decoder.IsDone)
            {
                samples.AddRange(decoder.Advance());
            }

            TensorAssert.CloseToPeak(GoldenCodec.Samples(Decode(codes)), [.. samples], 1e-5);
        }
    }
}
