using Xunit;
using Yue.Engine.Families.Yue1.Vocoder;
using Yue.Engine.Tests.Audio;
using Yue.Engine.Tests.Codec;
using Yue.Engine.Weights;
using Yue.Testing;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.Vocoder;

[Trait("Category", Goldens.Category)]
public sealed class VocosTests(GoldenCodec golden) : IClassFixture<GoldenCodec>
{
    [Theory]
    [InlineData("vocal")]
    [InlineData("instrumental")]
    public void The_sound_of_an_embedding_equals_the_golden(string track)
    {
        using var codec = new ExpectedValues("xcodec_mini_infer", "expected_codec.safetensors");
        using var vocoder = new ExpectedValues("xcodec_mini_infer", "expected_vocoder.safetensors");
        using var rows = codec.Tensor("decode.embedding");
        using var embedding = rows.unsqueeze(0);

        var samples = GoldenCodec.Samples((track == "vocal" ? golden.Vocal : golden.Instrumental).Decode(embedding));

        TensorAssert.CloseToPeak(vocoder.Floats($"{track}.wav"), samples, 1e-4, track);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(29)]
    public void Each_frame_gives_exactly_one_hop_of_samples(int frames)
    {
        using var codes = golden.RandomCodes(frames);
        using var embedding = golden.Decoder.Embed(codes);
        var samples = GoldenCodec.Samples(golden.Vocal.Decode(embedding));
        Assert.Equal(882 * frames, samples.Length);
        Assert.All(samples, sample => Assert.True(float.IsFinite(sample)));
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
        var (a, b) = (GoldenCodec.Samples(golden.Vocal.Decode(first)), GoldenCodec.Samples(golden.Vocal.Decode(second)));
        var peak = a.Max(Math.Abs);

        var (hop, context) = (golden.Vocal.FrameSamples, golden.Vocal.ContextFrames);
        var differ = Enumerable.Range(0, a.Length)
            .Where(i => Math.Abs(a[i] - b[i]) > 1e-6 * peak).Select(i => i / hop).Distinct().ToArray();
        Assert.Contains(Changed, differ);
        Assert.All(differ, frame => Assert.InRange(frame, Changed - context, Changed + context));
    }

    [Fact]
    public void The_context_has_27_frames_for_nine_convolutions_and_two_for_the_overlap() =>
        Assert.Equal(
            29, new Vocos(
                Zeros(Small with { Layers = 8, FftSamples = 3528, HopSamples = 882 }),
                Small with { Layers = 8, FftSamples = 3528, HopSamples = 882 }).ContextFrames);

    [Theory]
    [InlineData(16, 4)]
    [InlineData(14, 4)]
    [InlineData(12, 8)]
    [InlineData(8, 8)]
    public void The_synthesis_equals_its_definition_for_any_window_and_hop(int fft, int hop)
    {
        // With these weights, the head's output is its bias. Every frame has the same spectrum, so the sound can be computed directly.
        var config = Small with { FftSamples = fft, HopSamples = hop };
        var bins = (fft / 2) + 1;
        float[] logMagnitude = [.. Enumerable.Range(0, bins).Select(k => 0.1f * k)];
        float[] phase = [.. Enumerable.Range(0, bins).Select(k => 0.3f + k)];
        float[] window = [.. Enumerable.Range(0, fft).Select(n => 0.6f + (0.1f * (n % 3)))];
        using var vocoder = new Vocos(new HeadOnly(config, [.. logMagnitude, .. phase], window), config);
        const int Frames = 9;

        using var embedding = zeros([1, config.InputChannels, Frames]);
        var samples = GoldenCodec.Samples(vocoder.Decode(embedding));

        var (sum, envelope) = (new double[((Frames - 1) * hop) + fft], new double[((Frames - 1) * hop) + fft]);
        for (var n = 0; n < fft; n++)
        {
            var value = 0.0;
            for (var k = 0; k < bins; k++)
            {
                var real = Math.Exp(logMagnitude[k]) * Math.Cos(phase[k]);
                var imaginary = k == 0 || k == bins - 1 ? 0 : Math.Exp(logMagnitude[k]) * Math.Sin(phase[k]);
                var (sin, cos) = Math.SinCos(2 * Math.PI * k * n / fft);
                value += (k == 0 || k == bins - 1 ? 1 : 2) * ((real * cos) - (imaginary * sin)) / fft;
            }

            for (var frame = 0; frame < Frames; frame++)
            {
                sum[(frame * hop) + n] += value * window[n];
                envelope[(frame * hop) + n] += window[n] * window[n];
            }
        }

        var trim = (fft - hop) / 2;
        float[] expected = [.. sum.Zip(envelope, (a, b) => (float)(a / b)).Skip(trim).Take(Frames * hop)];
        TensorAssert.Close(expected, samples, 1e-5);
    }

    [Fact]
    public void The_magnitude_is_limited_to_100()
    {
        var config = Small with { FftSamples = 8, HopSamples = 8 };
        using var vocoder = new Vocos(new HeadOnly(config, [200, .. new float[9]], [.. Enumerable.Repeat(1f, 8)]), config);
        using var embedding = zeros([1, config.InputChannels, 1]);

        // Bin 0 has magnitude 100, and the other bins have e^0 = 1. Only bin 0 contributes to the mean of the samples.
        Assert.Equal(100f / 8, GoldenCodec.Samples(vocoder.Decode(embedding)).Average(), 1e-4);
    }

    private static VocosConfig Small => new()
    {
        InputChannels = 4,
        Channels = 4,
        IntermediateChannels = 8,
        Layers = 1,
        FftSamples = 16,
        HopSamples = 4,
    };

    private static HeadOnly Zeros(VocosConfig config) => new(config, new float[config.FftSamples + 2], new float[config.FftSamples]);

    /// <summary>Weights that are zero except for the head's bias and the window.</summary>
    private sealed class HeadOnly(VocosConfig config, float[] bias, float[] window) : ITensorSource
    {
        public ScalarType Dtype => ScalarType.Float32;

        public Device Device => CPU;

        public bool Contains(string name) => true;

        public long[] ShapeOf(string name) => throw new NotSupportedException($"the shape of {name} follows from {config}");

        public Tensor Read(string name, params ReadOnlySpan<long> expected) => name switch
        {
            "head.out.bias" => tensor(bias).view(expected.ToArray()),
            "head.istft.window" => tensor(window).view(expected.ToArray()),
            _ => zeros(expected.ToArray()),
        };

        public void ReadInto(string name, Tensor destination) => throw new NotSupportedException(name);
    }
}
