using System.Numerics.Tensors;
using Yue.Engine.Songs;

namespace Yue.Engine.Sampling;

/// <summary>Computes the distribution of the next id from two rows of scores (docs/model.md 2.4): guidance, repetition penalty,
/// minimum length, allowed ids, temperature, top-k and top-p, in this order.</summary>
/// <remarks>Plain F32 arithmetic on the CPU, the reference for the GPU's sampler. Not thread-safe: every call reuses the buffers.</remarks>
public sealed class SamplingChain
{
    private readonly float[] _exponentials;
    private readonly ulong[] _candidates;
    private readonly int[] _ids;
    private readonly float[] _probabilities;

    /// <summary>Creates a chain for rows of <paramref name="vocabularySize"/> scores.</summary>
    public SamplingChain(int vocabularySize)
    {
        _exponentials = new float[vocabularySize];
        _candidates = new ulong[vocabularySize];
        _ids = new int[vocabularySize];
        _probabilities = new float[vocabularySize];
    }

    /// <summary>Returns the distribution of the next id.</summary>
    /// <param name="conditional">[V]: logits of the row with the prompt.</param>
    /// <param name="unconditional">[V]: logits of the row without the prompt; read only if the section uses guidance.</param>
    /// <param name="sampling">The section's settings.</param>
    /// <param name="seen">The ids that have occurred in the song.</param>
    /// <param name="newTokens">The number of ids in the section so far.</param>
    public Distribution Next(
        ReadOnlySpan<float> conditional, ReadOnlySpan<float> unconditional, SectionSampling sampling, SeenIds seen, int newTokens)
    {
        var guidance = sampling.IsGuided
            ? new Guidance((float)sampling.GuidanceScale, LogSumExp(conditional), LogSumExp(unconditional))
            : default;
        var (penalty, temperature) = ((float)sampling.RepetitionPenalty, (float)sampling.Temperature);
        var count = 0;
        foreach (var range in sampling.Allowed)
        {
            for (var id = range.First; id < Math.Min(range.End, conditional.Length); id++)
            {
                if (id == sampling.EndId && newTokens < sampling.MinNewTokens)
                {
                    continue;
                }

                var score = sampling.IsGuided ? guidance.Apply(conditional[id], unconditional[id]) : conditional[id];
                if (seen.Contains(id))
                {
                    score = score < 0 ? score * penalty : score / penalty;
                }

                _candidates[count++] = ScoreKey.Of(score / temperature, id);
            }
        }

        return Nucleus(_candidates.AsSpan(0, count), sampling);
    }

    /// <summary>Applies top-k (keeping ties with the k-th id), softmax over the remaining ids, then top-p.</summary>
    private Distribution Nucleus(Span<ulong> candidates, SectionSampling sampling)
    {
        candidates.Sort();
        var kept = candidates.Length;
        if (sampling.TopK > 0 && sampling.TopK < kept)
        {
            var last = ScoreKey.ScoreOf(candidates[sampling.TopK - 1]);
            for (kept = sampling.TopK; kept < candidates.Length && ScoreKey.ScoreOf(candidates[kept]) == last; kept++)
            {
            }
        }

        var best = ScoreKey.ScoreOf(candidates[0]);
        if (!float.IsFinite(best))
        {
            throw new SongException($"the model's best score is {best}, which is not a finite number");
        }

        var total = 0.0;
        for (var i = 0; i < kept; i++)
        {
            _ids[i] = ScoreKey.IdOf(candidates[i]);
            _probabilities[i] = MathF.Exp(ScoreKey.ScoreOf(candidates[i]) - best);
            total += _probabilities[i];
        }

        // An id is kept if the ids before it have a total probability below top-p. The first id is always kept.
        var inside = 0.0;
        var nucleus = 0;
        while (nucleus < kept && (nucleus == 0 || inside < sampling.TopP * total))
        {
            inside += _probabilities[nucleus++];
        }

        var probabilities = _probabilities.AsSpan(0, nucleus);
        TensorPrimitives.Divide(probabilities, (float)inside, probabilities);
        return new Distribution(_ids.AsSpan(0, nucleus), probabilities);
    }

    private float LogSumExp(ReadOnlySpan<float> logits)
    {
        var max = TensorPrimitives.Max(logits);
        var shifted = _exponentials.AsSpan(0, logits.Length);
        TensorPrimitives.Subtract(logits, max, shifted);
        TensorPrimitives.Exp(shifted, shifted);
        return max + MathF.Log(TensorPrimitives.Sum(shifted));
    }

    /// <summary>Guidance: u + s·(c − u), where c and u are log-softmax values of the conditional and the unconditional row.</summary>
    private readonly record struct Guidance(float Scale, float ConditionalLogSum, float UnconditionalLogSum)
    {
        public float Apply(float conditional, float unconditional)
        {
            var u = unconditional - UnconditionalLogSum;
            return u + (Scale * (conditional - ConditionalLogSum - u));
        }
    }
}
