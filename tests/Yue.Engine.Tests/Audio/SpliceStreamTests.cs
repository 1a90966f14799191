using Xunit;
using Yue.Engine.Audio;

namespace Yue.Engine.Tests.Audio;

public sealed class SpliceStreamTests
{
    private const double HalfDecibel = 1.0593;

    [Theory]
    [InlineData(320, 882)]
    [InlineData(161, 997)]
    public void A_splice_in_pieces_equals_the_splice_of_the_whole(int lowPiece, int highPiece)
    {
        var (low, high) = (Signals.Noise(16_000, 0.3f), Signals.Noise(44_100, 0.2f));
        var stream = new SpliceStream(16_000, 44_100);
        List<float> heard = [];
        for (var i = 0; i * lowPiece < low.Length || i * highPiece < high.Length; i++)
        {
            stream.AppendLow(Piece(low, i * lowPiece, lowPiece));
            stream.AppendHigh(Piece(high, i * highPiece, highPiece));
            heard.AddRange(stream.Take());
        }

        Assert.InRange(heard.Count, 43_600, 44_099);        // the last samples depend on input that is still to come
        stream.CompleteLow();
        heard.AddRange(stream.Take());
        Assert.Equal(44_100, heard.Count);
        Assert.Equal(
            Splice.ReplaceLowFrequencies(new AudioClip(low, 16_000), new AudioClip(high, 44_100)).Samples, stream.Finish().Samples);
    }

    [Fact]
    public void The_gain_of_the_low_band_changes_by_at_most_half_a_decibel_per_piece()
    {
        var gains = GainsOf([.. Enumerable.Repeat((0.1, 0.2), 20)]);
        for (var i = 0; i < 11; i++)
        {
            Assert.InRange(gains[i], Math.Pow(HalfDecibel, i + 0.25), Math.Pow(HalfDecibel, i + 0.75));
        }

        Assert.InRange(gains[^1], 1.97, 2.03);
        Assert.InRange(GainsOf([.. Enumerable.Repeat((0.2, 0.1), 20)])[^1], 0.49, 0.51);
    }

    [Fact]
    public void The_gain_does_not_change_while_a_level_is_near_silence()
    {
        Assert.All(GainsOf([(0.3, 0), (0.3, 0), (0.3, 0.0005)]), gain => Assert.InRange(gain, 0.999, 1.001));
        var stream = new SpliceStream(16_000, 44_100);
        stream.AppendLow(new float[1600]);
        stream.AppendHigh(Signals.Sine(4410, 300, 44_100, 0.5));
        Assert.All(stream.Take()[100..], sample => Assert.InRange(sample, -0.02f, 0.02f));
    }

    [Fact]
    public void A_silent_introduction_stays_silent_and_the_gain_changes_after_it()
    {
        var stream = new SpliceStream(16_000, 44_100);
        stream.AppendLow(new float[16_000]);
        stream.AppendHigh(new float[44_100]);
        var introduction = stream.Take();
        Assert.NotEmpty(introduction);
        Assert.All(introduction, sample => Assert.Equal(0, sample));
        for (var i = 0; i < 3; i++)
        {
            stream.AppendLow(Signals.Sine(16_000, 400, 16_000, 0.1));
            stream.AppendHigh(Signals.Sine(44_100, 400, 44_100, 0.2));
            var heard = stream.Take()[1000..];      // without the silence that the resampler delayed
            Assert.InRange(heard.Max(), 0.1 * Math.Pow(HalfDecibel, i + 0.75), 0.1 * Math.Pow(HalfDecibel, i + 1.1));
        }
    }

    [Fact]
    public void Nothing_is_returned_before_both_clips_have_enough_samples()
    {
        var stream = new SpliceStream(16_000, 44_100);
        stream.AppendHigh(Signals.Noise(882, 0.5f));
        Assert.Empty(stream.Take());
        stream.AppendLow(Signals.Noise(100, 0.5f));
        Assert.Empty(stream.Take());
    }

    /// <summary>Streams pieces of 0.1 s with the given amplitudes in the two clips, and returns the mean gain of the low band
    /// in each piece.</summary>
    private static double[] GainsOf((double Low, double High)[] pieces)
    {
        var stream = new SpliceStream(16_000, 44_100);
        return
        [
            .. pieces.Select((piece, i) =>
            {
                stream.AppendLow(Sine(16_000, i, piece.Low));
                stream.AppendHigh(Sine(44_100, i, piece.High));
                var heard = stream.Take();
                return Math.Sqrt(2 * heard.Average(sample => (double)sample * sample)) / piece.Low;
            }),
        ];

        static float[] Sine(int rateHz, int i, double amplitude) =>
            Signals.Sine((i + 1) * rateHz / 10, 400, rateHz, amplitude)[(i * rateHz / 10)..];
    }

    private static float[] Piece(float[] samples, int start, int count) =>
        samples[Math.Min(start, samples.Length)..Math.Min(start + count, samples.Length)];
}
