using CsCheck;
using Xunit;
using Yue.Engine.Sampling;

namespace Yue.Engine.Tests.Sampling;

public sealed class PhiloxRandomTests
{
    /// <summary>The test vectors published with Random123 (kat_vectors, philox4x32 10): all zeros, all ones, and digits of pi.</summary>
    [Theory]
    [InlineData(0u, 0u, 0u, 0u, 0u, 0u, 0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u)]
    [InlineData(0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu,
        0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu)]
    [InlineData(0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u, 0xa4093822u, 0x299f31d0u,
        0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u)]
    public void The_published_vectors_are_reproduced(
        uint c0, uint c1, uint c2, uint c3, uint k0, uint k1, uint r0, uint r1, uint r2, uint r3) =>
        Assert.Equal((r0, r1, r2, r3), PhiloxRandom.Block(c0, c1, c2, c3, k0, k1));

    [Fact]
    public void A_draw_is_the_top_24_bits_of_the_first_word_of_the_block() =>
        Gen.Select(Gen.Long, Gen.Int, Gen.Int, Gen.Int).Sample((seed, section, step, lane) =>
        {
            var (word, _, _, _) = PhiloxRandom.Block(
                (uint)step, (uint)section, (uint)lane, 0, (uint)seed, (uint)((ulong)seed >> 32));
            var draw = PhiloxRandom.Uniform(seed, section, step, lane);
            Assert.Equal((double)(word >> 8), draw * 16_777_216.0);
            Assert.InRange(draw, 0f, 0.99999994f);
        });

    [Fact]
    public void Seed_section_step_and_lane_each_change_the_draw()
    {
        var draws = new[]
        {
            PhiloxRandom.Uniform(1, 0, 0), PhiloxRandom.Uniform(2, 0, 0), PhiloxRandom.Uniform(1L << 32, 0, 0),
            PhiloxRandom.Uniform(1, 1, 0), PhiloxRandom.Uniform(1, 0, 1), PhiloxRandom.Uniform(1, 0, 0, 1),
        };
        Assert.Equal(draws.Length, draws.Distinct().Count());
    }

    [Fact]
    public void Draws_fill_the_interval_evenly()
    {
        const int Draws = 40_000;
        var bins = new int[16];
        for (var step = 0; step < Draws; step++)
        {
            bins[(int)(PhiloxRandom.Uniform(42, 3, step) * bins.Length)]++;
        }

        // The tolerance is six standard deviations of a bin's count.
        var expected = Draws / (double)bins.Length;
        Assert.All(bins, count => Assert.InRange(count, expected - (6 * Math.Sqrt(expected)), expected + (6 * Math.Sqrt(expected))));
    }
}
