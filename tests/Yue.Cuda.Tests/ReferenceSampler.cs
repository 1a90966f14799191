using Yue.Cuda.Decode;
using Yue.Engine.Sampling;

namespace Yue.Cuda.Tests;

/// <summary>The sampling chain on the CPU, in double precision and with sorting. It uses the engine's random numbers.</summary>
internal static class ReferenceSampler
{
    /// <summary>Returns the kept ids in descending order of probability (ties: lower id first), with their probabilities, which sum to
    /// 1.</summary>
    public static List<(int Id, double Probability)> Distribution(
        float[] conditional, float[]? unconditional, SongSettings settings, HashSet<int> seen, int step)
    {
        static double LogSum(float[] x)
        {
            var top = x.Max();
            return top + Math.Log(x.Sum(value => Math.Exp(value - top)));
        }

        var (sumC, sumU) = unconditional is null ? (0, 0) : (LogSum(conditional), LogSum(unconditional));
        var scores = new List<(int Id, double Score)>();
        foreach (var id in settings.Allowed.SelectMany(range => Enumerable.Range(range.Low, range.High - range.Low)))
        {
            double score = conditional[id];
            if (unconditional is not null)
            {
                var u = unconditional[id] - sumU;
                score = u + (settings.Guidance * (score - sumC - u));
            }

            if (seen.Contains(id))
            {
                score = score < 0 ? score * settings.RepetitionPenalty : score / settings.RepetitionPenalty;
            }

            if (id != settings.EndId || step >= settings.MinTokens)
            {
                scores.Add((id, settings.Temperature > 0 ? score / settings.Temperature : score));
            }
        }

        scores = [.. scores.OrderByDescending(item => item.Score).ThenBy(item => item.Id)];
        if (settings.Temperature <= 0)
        {
            return [(scores[0].Id, 1)];
        }

        if (settings.TopK > 0 && settings.TopK < scores.Count)
        {
            var least = scores[settings.TopK - 1].Score;
            scores = [.. scores.TakeWhile(item => item.Score >= least)];
        }

        var weights = scores.Select(item => Math.Exp(item.Score - scores[0].Score)).ToArray();
        var total = weights.Sum();
        var before = 0.0;
        var kept = 0;
        while (kept < weights.Length && (kept == 0 || settings.TopP >= 1 || before < settings.TopP * total))
        {
            before += weights[kept++];
        }

        return [.. Enumerable.Range(0, kept).Select(i => (scores[i].Id, weights[i] / before))];
    }

    /// <summary>Returns the id at which the cumulative probability passes the step's uniform number.</summary>
    public static int Draw(List<(int Id, double Probability)> distribution, ulong seed, int section, int step)
    {
        var uniform = PhiloxRandom.Uniform((long)seed, section, step);
        var sum = 0.0;
        foreach (var (id, probability) in distribution)
        {
            sum += probability;
            if (uniform < sum)
            {
                return id;
            }
        }

        return distribution[^1].Id;
    }
}
