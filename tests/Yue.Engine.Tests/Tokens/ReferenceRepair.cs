using System.Runtime.InteropServices;
using Yue.Engine.Families.Yue1.Tokens;

namespace Yue.Engine.Tests.Tokens;

/// <summary>The reference's repair of codes that stage 2 chose outside a codebook (docs/model.md 2.4). The goldens were repaired in this
/// way. With the masks of this implementation, no repair is needed.</summary>
internal static class ReferenceRepair
{
    /// <summary>Replaces every value outside 0 to 1023 with the most frequent value of the row. If several values are equally frequent, the
    /// first of them is used.</summary>
    /// <param name="row">The values of one codebook over a whole track; changed in place.</param>
    /// <returns>The number of values that were replaced.</returns>
    /// <remarks>The reference also counts invalid values. If one of them is the most frequent, the row remains invalid.</remarks>
    public static int Apply(Span<int> row)
    {
        var counts = new Dictionary<int, int>();
        foreach (var value in row)
        {
            CollectionsMarshal.GetValueRefOrAddDefault(counts, value, out _)++;
        }

        var (mostFrequent, most) = (0, 0);
        foreach (var value in row)
        {
            if (counts[value] > most)
            {
                (mostFrequent, most) = (value, counts[value]);
            }
        }

        var replaced = 0;
        foreach (ref var value in row)
        {
            if (!TokenMap.IsCode(value))
            {
                value = mostFrequent;
                replaced++;
            }
        }

        return replaced;
    }
}
