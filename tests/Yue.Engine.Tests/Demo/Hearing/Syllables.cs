namespace Yue.Engine.Tests.Demo.Hearing;

/// <summary>Compares the detected vowels with those of the lyrics.</summary>
internal static class Syllables
{
    /// <summary>The cost of an inserted or missing vowel; a correct one scores 1.</summary>
    private const double Gap = 4;

    /// <summary>Returns the number of expected vowels that were detected in the alignment with the best score.</summary>
    public static int Right(string heard, string expected)
    {
        // After i detected and j expected vowels: the best score, and the number of correct vowels at that score.
        var best = new (double Score, int Right)[heard.Length + 1, expected.Length + 1];
        for (var i = 0; i <= heard.Length; i++)
        {
            for (var j = 0; j <= expected.Length; j++)
            {
                best[i, j] = (i, j) switch
                {
                    (0, _) => (-Gap * j, 0),
                    (_, 0) => (-Gap * i, 0),
                    _ => Best(best[i - 1, j - 1], heard[i - 1] == expected[j - 1], best[i - 1, j], best[i, j - 1]),
                };
            }
        }

        return best[heard.Length, expected.Length].Right;
    }

    /// <summary>Returns the mean of <see cref="Right"/> over shuffles of the expected vowels: the expected result for unrelated
    /// lyrics.</summary>
    public static double RightByChance(string heard, string expected)
    {
        const int Shuffles = 20;
        var random = new Random(0);
        return Enumerable.Range(0, Shuffles).Average(_ =>
        {
            var shuffled = expected.ToCharArray();
            random.Shuffle(shuffled);
            return Right(heard, new string(shuffled));
        });
    }

    private static (double Score, int Right) Best(
        (double Score, int Right) both, bool isRight, (double Score, int Right) inserted, (double Score, int Right) missing)
    {
        var right = isRight ? 1 : 0;
        return new[]
        {
            (both.Score + right, both.Right + right),
            (inserted.Score - Gap, inserted.Right),
            (missing.Score - Gap, missing.Right),
        }.Max();
    }
}
