using Yue.Engine.Sampling;

namespace Yue.Engine.Families.Yue2.Stages;

/// <summary>Draws ids as PyTorch does on a GPU that is large enough to give every id its own thread (docs/model-yue2.md 5.3).</summary>
public static class StageDraw
{
    /// <summary>Returns the id with the largest ratio of its probability to its exponentially distributed random number.</summary>
    /// <param name="distribution">The candidates and their probabilities.</param>
    /// <param name="seed">The song's seed. Every stage starts again from it.</param>
    /// <param name="step">The number of ids drawn so far in this stage.</param>
    public static int Draw(Distribution distribution, long seed, int step)
    {
        var (best, bestRatio) = (distribution.Ids[0], float.NegativeInfinity);
        for (var i = 0; i < distribution.Ids.Length; i++)
        {
            var ratio = distribution.Probabilities[i] / Exponential(seed, step, distribution.Ids[i]);
            if (ratio > bestRatio)
            {
                (best, bestRatio) = (distribution.Ids[i], ratio);
            }
        }

        return best;
    }

    private static float Exponential(long seed, int step, int id)
    {
        var key = unchecked((ulong)seed);
        var (word, _, _, _) = PhiloxRandom.Block((uint)step, 0, (uint)id, 0, (uint)key, (uint)(key >> 32));
        return -MathF.Log((word * (1f / (1L << 32))) + (1f / (1L << 33)));
    }
}
