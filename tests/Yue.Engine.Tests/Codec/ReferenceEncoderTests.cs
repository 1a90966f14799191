using Xunit;
using Yue.Engine.Audio;
using Yue.Engine.Families.Yue1.Codec;
using Yue.Engine.Families.Yue1.Text;
using Yue.Engine.Layers;
using Yue.Engine.Songs;
using Yue.Engine.Tests.Audio;
using Yue.Testing;

namespace Yue.Engine.Tests.Codec;

[Trait("Category", Goldens.Category)]
public sealed class ReferenceEncoderTests(GoldenCodec golden) : IClassFixture<GoldenCodec>
{
    private readonly ReferenceEncoder _encoder = new(golden.Encoder);

    [Theory]
    [InlineData("frames_100")]
    [InlineData("odd_length")]
    public void The_prompt_of_a_clip_has_the_codes_of_the_golden(string clip)
    {
        using var expected = new ExpectedValues("xcodec_mini_infer", "expected_codec.safetensors");
        using var codes = expected.Tensor($"{clip}.codes_bw0_5", TorchSharp.torch.ScalarType.Int32);
        var (found, result) = Encode(Reference(0, 30, expected.Floats($"{clip}.wav")));
        var reference = ReferenceClip.OfMix(codes.data<int>().ToArray(), 0, 30).Ids;
        Assert.Equal(reference.Length, found.Ids.Length);
        Assert.InRange(reference.Zip(found.Ids).Count(pair => pair.First == pair.Second), 0.995 * reference.Length, reference.Length);
        Assert.Equal(reference.Length / 50.0, result.Seconds);
    }

    [Fact]
    public void Clips_with_the_same_content_are_encoded_only_once()
    {
        var (voice, band) = (Signals.Noise(16_000, 0.3f, seed: 1), Signals.Noise(16_000, 0.3f, seed: 2));
        var (first, fresh) = Encode(Reference(0, 1, voice, band));
        var (again, known) = Encode(Reference(0, 1, [.. voice], [.. band]));
        var (_, half) = Encode(Reference(0, 1, voice, Signals.Noise(16_000, 0.3f, seed: 3)));
        Assert.Equal((false, true, false), (fresh.FromCache, known.FromCache, half.FromCache));
        Assert.Equal((2, 1.0), (known.Tracks, known.Seconds));
        Assert.Equal(first.Ids, again.Ids);
    }

    [Fact]
    public void The_oldest_clips_are_evicted_from_the_cache()
    {
        var first = Signals.Noise(1600, seed: 0);
        Encode(Reference(0, 1, first));
        for (var i = 1; i <= 256; i++)
        {
            Encode(Reference(0, 1, Signals.Noise(1600, seed: i)));
        }

        Assert.True(Encode(Reference(0, 1, Signals.Noise(1600, seed: 2))).Result.FromCache);
        Assert.False(Encode(Reference(0, 1, first)).Result.FromCache);
    }

    [Fact]
    public void The_range_of_a_partial_clip_is_relative_to_the_whole_clip()
    {
        var wave = Signals.Noise(3 * 16_000, 0.3f);
        var whole = Encode(Reference(0, 3, wave)).Clip.Ids;
        var late = Reference(11.5, 12.5, wave) with { FirstSecond = 10 };
        Assert.Equal(whole[75..125], Encode(late).Clip.Ids);
    }

    [Theory]
    [InlineData(0, 30, 0, 60)]
    [InlineData(10, 60, 0, 60)]
    [InlineData(70, 80, 45, 60)]
    [InlineData(30.5, 90.5, 30, 61)]
    [InlineData(599, 600, 569, 60)]
    public void At_least_a_minute_that_contains_the_range_is_encoded(double start, double end, int first, int seconds)
    {
        Assert.Equal((first, seconds), SongReference.EncodedPart(start, end));
        Assert.True(first <= start && end <= first + seconds);
    }

    private static SongReference Reference(double start, double end, params float[][] tracks) => new()
    {
        Tracks = [.. tracks.Select(track => new AudioClip(track, SongReference.SampleRateHz))],
        StartSeconds = start,
        EndSeconds = end,
    };

    /// <summary>Encodes every track.</summary>
    private (ReferenceClip Clip, ReferenceResult Result) Encode(SongReference reference)
    {
        var encoding = _encoder.Begin(reference);
        while (!encoding.IsDone)
        {
            encoding.Advance();
        }

        return encoding.Result();
    }
}
