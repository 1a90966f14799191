namespace Yue.Engine.Sampling;

/// <summary>Counter-based random numbers, which depend only on the seed and on the position at which they are used: Philox4x32-10 (Salmon
/// et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011; the Random123 library).</summary>
/// <remarks>
/// <para>All arithmetic is on unsigned 32-bit words, so a kernel can reproduce it bit for bit. The key is the seed: k0 is its low word, k1
/// its high word. The counter is c0 = step, c1 = section, c2 = lane, c3 = 0.</para>
/// <para>The round below runs ten times; mul is the 64-bit product:
/// <code>
/// p0 = mul(0xD2511F53, c0);  p1 = mul(0xCD9E8D57, c2);
/// (c0, c1, c2, c3) = (hi(p1) ^ c1 ^ k0, lo(p1), hi(p0) ^ c3 ^ k1, lo(p0));
/// k0 += 0x9E3779B9;  k1 += 0xBB67AE85;
/// </code>
/// The uniform is <c>(c0 &gt;&gt; 8) * 2^-24</c>: a multiple of 2^-24 from 0 to 1 - 2^-24, exact in a float.</para>
/// </remarks>
public static class PhiloxRandom
{
    private const int Rounds = 10;
    private const uint Multiplier0 = 0xD2511F53;
    private const uint Multiplier1 = 0xCD9E8D57;
    private const uint KeyStep0 = 0x9E3779B9;
    private const uint KeyStep1 = 0xBB67AE85;

    /// <summary>Returns a uniform number in [0, 1) with 24 random bits.</summary>
    /// <param name="seed">The song's seed.</param>
    /// <param name="section">The lyric section, from 0.</param>
    /// <param name="step">The decode step within the section, from 0.</param>
    /// <param name="lane">The index of the draw within the step, from 0.</param>
    public static float Uniform(long seed, int section, int step, int lane = 0)
    {
        var key = unchecked((ulong)seed);
        var (word, _, _, _) = Block(
            unchecked((uint)step), unchecked((uint)section), unchecked((uint)lane), 0, (uint)key, (uint)(key >> 32));
        return (word >> 8) * (1f / (1 << 24));
    }

    /// <summary>Returns one block of Philox4x32-10: four random words from a counter and a key.</summary>
    public static (uint R0, uint R1, uint R2, uint R3) Block(uint c0, uint c1, uint c2, uint c3, uint k0, uint k1)
    {
        unchecked
        {
            for (var round = 0; round < Rounds; round++)
            {
                var p0 = (ulong)Multiplier0 * c0;
                var p1 = (ulong)Multiplier1 * c2;
                (c0, c1, c2, c3) = ((uint)(p1 >> 32) ^ c1 ^ k0, (uint)p1, (uint)(p0 >> 32) ^ c3 ^ k1, (uint)p0);
                k0 += KeyStep0;
                k1 += KeyStep1;
            }
        }

        return (c0, c1, c2, c3);
    }
}
