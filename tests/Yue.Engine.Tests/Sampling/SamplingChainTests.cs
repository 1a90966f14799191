using CsCheck;
using Xunit;
using Yue.Engine.Sampling;
using Yue.Engine.Songs;

namespace Yue.Engine.Tests.Sampling;

public sealed class SamplingChainTests
{
    private const int Vocabulary = 40;
    private const int End = 3;

    private static readonly double[] GuidanceScales = [1, 1.2, 1.5, 4];

    private static readonly SectionSampling Plain = new()
    {
        GuidanceScale = 1,
        RepetitionPenalty = 1,
        Temperature = 1,
        TopP = 1,
        TopK = 0,
        MinNewTokens = 0,
        MaxNewTokens = 10,
        EndId = End,
        Allowed = [new IdRange(10, 3)],
    };

    private static readonly Gen<float[]> Logits = Gen.Float[-8, 8].Array[Vocabulary];

    private static readonly Gen<SectionSampling> Settings =
        from scale in Gen.Int[0, 3]
        from penalty in Gen.Double[1, 2]
        from temperature in Gen.Double[0.05, 5]
        from topP in Gen.Double[0.01, 1]
        from topK in Gen.Int[0, 50]
        from first in Gen.Int[4, 30]
        from count in Gen.Int[1, 10]
        select new SectionSampling
        {
            GuidanceScale = GuidanceScales[scale],
            RepetitionPenalty = penalty,
            Temperature = temperature,
            TopP = topP,
            TopK = topK,
            MinNewTokens = 5,
            MaxNewTokens = 10,
            EndId = End,
            Allowed = [new IdRange(End, 1), new IdRange(first, count)],
        };

    [Fact]
    public void No_masked_id_is_sampled_and_no_end_id_before_the_minimum()
    {
        var chain = new SamplingChain(Vocabulary);
        Gen.Select(Logits, Logits, Settings, Gen.Int[0, 9], Gen.Float[0, 0.999f]).Sample(
            (conditional, unconditional, settings, newTokens, uniform) =>
            {
                var distribution = chain.Next(conditional, unconditional, settings, new SeenIds(Vocabulary), newTokens);
                var id = distribution.Draw(uniform);
                Assert.Contains(settings.Allowed, range => id >= range.First && id < range.End);
                Assert.False(id == End && newTokens < settings.MinNewTokens);
                if (settings.TopK > 0 && distribution.Ids.Length > settings.TopK)
                {
                    // In addition to the first k ids, only ids that tie with the k-th are kept.
                    Assert.Equal(distribution.Probabilities[settings.TopK - 1], distribution.Probabilities[^1]);
                }

                Assert.Equal(1, distribution.Probabilities.ToArray().Sum(), 1e-4);
            },
            iter: 20_000,
            threads: 1);     // a chain is not thread-safe
    }

    [Fact]
    public void The_unconditional_row_is_not_read_without_guidance()
    {
        var chain = new SamplingChain(Vocabulary);
        Assert.Equal([10, 11, 12], chain.Next(new float[Vocabulary], [], Plain, new SeenIds(Vocabulary), 9).Ids.ToArray());
    }

    [Fact]
    public void The_repetition_penalty_lowers_positive_and_negative_scores()
    {
        var logits = new float[Vocabulary];
        (logits[10], logits[11]) = (1, -1);
        var seen = new SeenIds(Vocabulary);
        seen.Add([10, 11]);

        var distribution = new SamplingChain(Vocabulary).Next(logits, [], Plain with { RepetitionPenalty = 2 }, seen, 0);

        // The scores are 1/2, −1·2 and, for an id that has not occurred, 0.
        var total = Math.Exp(0.5) + Math.Exp(-2) + 1;
        Assert.Equal([10, 12, 11], distribution.Ids.ToArray());
        Assert.Equal(Math.Exp(0.5) / total, distribution.Probabilities[0], 1e-6);
        Assert.Equal(Math.Exp(-2) / total, distribution.Probabilities[2], 1e-6);
    }

    [Fact]
    public void Draws_follow_the_probabilities()
    {
        int[] ids = [5, 6, 7];
        float[] probabilities = [0.5f, 0.3f, 0.2f];
        var counts = new int[3];
        const int Draws = 100_000;
        for (var step = 0; step < Draws; step++)
        {
            counts[new Distribution(ids, probabilities).Draw(PhiloxRandom.Uniform(seed: 1, section: 0, step)) - 5]++;
        }

        // 13.8 is the 0.1 % critical value of chi-square with two degrees of freedom.
        var chiSquare = counts.Zip(probabilities, (count, p) => Math.Pow(count - (Draws * p), 2) / (Draws * p)).Sum();
        Assert.InRange(chiSquare, 0, 13.8);
    }

    [Fact]
    public void Scores_that_are_not_finite_fail_the_song()
    {
        var logits = new float[Vocabulary];
        Array.Fill(logits, float.NaN);
        Assert.Throws<SongException>(
            () => _ = new SamplingChain(Vocabulary).Next(logits, [], Plain, new SeenIds(Vocabulary), 9).Ids.Length);
    }
}
