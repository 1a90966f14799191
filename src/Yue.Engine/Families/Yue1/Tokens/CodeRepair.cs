using System.Runtime.InteropServices;

namespace Yue.Engine.Families.Yue1.Tokens;

/// <summary>Replaces codes that a model drew from outside a codebook (docs/model.md 2.4). Masks that allow only the slot's own
/// codebook leave none.</summary>
public static class CodeRepair
{
    /// <summary>The reference's repair: every value outside 0 to 1023 becomes the row's most frequent value; of equally
    /// frequent ones, the first to occur.</summary>
    /// <param name="row">One codebook's values of a whole track; changed in place.</param>
    /// <returns>How many values were replaced.</returns>
    /// <remarks>The reference counts the values outside too: where one of those is the most frequent, the row stays
    /// outside. <see cref="ReplaceByMostFrequentCode"/> leaves none.</remarks>
    public static int ReplaceByMostFrequentValue(Span<int> row) => Replace(row, _ => true);

    /// <summary>As <see cref="ReplaceByMostFrequentValue"/>, counting only values in 0 to 1023, so that the codec can
    /// decode the row; a row without any becomes 0.</summary>
    public static int ReplaceByMostFrequentCode(Span<int> row) => Replace(row, TokenMap.IsCode);

    private static int Replace(Span<int> row, Func<int, bool> counted)
    {
        var counts = new Dictionary<int, int>();
        foreach (var value in row)
        {
            if (counted(value))
            {
                CollectionsMarshal.GetValueRefOrAddDefault(counts, value, out _)++;
            }
        }

        var (mostFrequent, most) = (0, 0);
        foreach (var value in row)
        {
            if (counts.TryGetValue(value, out var count) && count > most)
            {
                (mostFrequent, most) = (value, count);
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
