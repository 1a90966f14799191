namespace YueService.Settings;

/// <summary>Finds the known name that is closest to a mistyped one.</summary>
internal static class ClosestName
{
    // Longer names are truncated before the comparison, so that very long names do not cost more time.
    private const int MaxComparedLength = 64;

    private static readonly char[] BetweenWords = ['_', '-', '.', ':', ' '];

    /// <summary>Returns the candidate with the smallest edit distance to a name, the first one on ties; null if none is similar.</summary>
    /// <remarks>A candidate is similar if its edit distance is at most a third of the length of the shorter name (1 for two letters), or if
    /// each word of the name is similar to one of the candidate's words.</remarks>
    /// <param name="name">The name as it was typed.</param>
    /// <param name="candidates">The known names.</param>
    /// <param name="compared">Returns the part of a candidate to compare; null to compare the whole candidate.</param>
    public static string? Of(string name, IEnumerable<string> candidates, Func<string, string>? compared = null) => candidates
        .Select(candidate => (Candidate: candidate, Compared: compared is null ? candidate : compared(candidate)))
        .Where(known => IsNear(name, known.Compared) || HasWordsOf(name, known.Compared))
        .OrderBy(known => Distance(name, known.Compared))
        .Select(known => known.Candidate)
        .FirstOrDefault();

    private static bool IsNear(string name, string known)
    {
        var (distance, length) = (Distance(name, known), Math.Min(name.Length, known.Length));
        return distance <= Math.Max(1, length / 3) && 2 * distance <= length;
    }

    /// <summary>Returns true if every word of a name has at least three letters and is similar to one of the known name's words.</summary>
    private static bool HasWordsOf(string name, string known)
    {
        var words = known.Split(BetweenWords, StringSplitOptions.RemoveEmptyEntries);
        var typed = name.Split(BetweenWords, StringSplitOptions.RemoveEmptyEntries);
        return typed.Length > 0 && typed.All(word => word.Length > 2 && words.Any(one => Distance(word, one) <= word.Length / 4));
    }

    /// <summary>Returns the number of insertions, deletions, replacements and swaps of adjacent letters that turn one name into the other,
    /// ignoring letter case.</summary>
    public static int Distance(string left, string right)
    {
        var a = Prepare(left);
        var b = Prepare(right);
        var beforePrevious = new int[b.Length + 1];
        var previous = new int[b.Length + 1];
        var current = new int[b.Length + 1];
        for (var j = 0; j <= b.Length; j++)
        {
            previous[j] = j;
        }

        for (var i = 1; i <= a.Length; i++)
        {
            current[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var replaced = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                current[j] = Math.Min(replaced, Math.Min(previous[j], current[j - 1]) + 1);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                {
                    current[j] = Math.Min(current[j], beforePrevious[j - 2] + 1);
                }
            }

            (beforePrevious, previous, current) = (previous, current, beforePrevious);
        }

        return previous[b.Length];
    }

    private static string Prepare(string name) =>
        (name.Length > MaxComparedLength ? name[..MaxComparedLength] : name).ToLowerInvariant();
}
