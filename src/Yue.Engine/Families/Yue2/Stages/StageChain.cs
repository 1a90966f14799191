using Yue.Engine.Sampling;
using Yue.Engine.Songs;

namespace Yue.Engine.Families.Yue2.Stages;

/// <summary>Computes the distribution of the next id from the logits of one step (docs/model-yue2.md 5.2): allowed ids, minimum length,
/// repetition penalty, temperature, top-k and top-p, in this order.</summary>
/// <remarks>Plain arithmetic on the CPU. Not thread-safe: every call reuses the buffers.</remarks>
public sealed class StageChain
{
    private readonly StageIds _stage;
    private readonly StageSampling _sampling;
    private readonly StageRounding _rounding;
    private readonly int _minKept;
    private readonly float[] _penalties;        // by number of occurrences
    private readonly ulong[] _candidates;
    private readonly Dictionary<int, int> _counts = [];
    private int[] _ids = [];
    private float[] _scores = [];
    private float[] _probabilities = [];

    /// <summary>Creates the chain of one stage of a song.</summary>
    /// <param name="stage">The allowed ids.</param>
    /// <param name="sampling">The settings, for which <see cref="StageSampling.Fault"/> must return null.</param>
    /// <param name="hasPlan">False if the song's plan is off.</param>
    /// <param name="rounding">The format to which the chain rounds every result.</param>
    public StageChain(StageIds stage, StageSampling sampling, bool hasPlan, StageRounding rounding = StageRounding.None)
    {
        if (sampling.Fault() is { } fault)
        {
            throw new ArgumentException(fault, nameof(sampling));
        }

        (_stage, _sampling, _rounding) = (stage, sampling, rounding);
        _minKept = MinKept(hasPlan);
        _penalties = sampling.Penalties(rounding);
        _candidates = new ulong[stage.Content.Count + 1];
    }

    /// <summary>Returns the number of best ids that top-p always keeps.</summary>
    /// <param name="hasPlan">False if the song's plan is off.</param>
    public static int MinKept(bool hasPlan) => hasPlan ? 1 : 3;

    /// <summary>Returns the distribution of the next id.</summary>
    /// <param name="logits">The scores of the ids of <see cref="StageIds.Scored"/>.</param>
    /// <param name="history">The ids that the stage has written so far.</param>
    /// <param name="step">The number of ids drawn so far in this stage.</param>
    public Distribution Next(ReadOnlySpan<float> logits, ReadOnlySpan<int> history, int step)
    {
        var scored = _stage.Scored;
        if (logits.Length != scored.Count)
        {
            throw new ArgumentException($"{logits.Length} logits, expected {scored.Count}", nameof(logits));
        }

        Count(history);
        var count = 0;
        for (var id = _stage.Content.First; id < _stage.Content.End; id++)
        {
            _candidates[count++] = ScoreKey.Of(Score(logits[id - scored.First], id), id);
        }

        if (step >= _sampling.MinTokens)
        {
            _candidates[count++] = ScoreKey.Of(Score(logits[_stage.EndId - scored.First], _stage.EndId), _stage.EndId);
        }

        return Keep(_candidates.AsSpan(0, count));
    }

    /// <summary>Returns the scores of the ids that the last call to <see cref="Next"/> returned, in the same order.</summary>
    internal ReadOnlySpan<float> Scores(Distribution distribution) => _scores.AsSpan(0, distribution.Ids.Length);

    private void Count(ReadOnlySpan<int> history)
    {
        _counts.Clear();
        foreach (var id in history[Math.Max(0, history.Length - _sampling.PenaltyWindow)..])
        {
            _counts[id] = _counts.GetValueOrDefault(id) + 1;
        }
    }

    private float Score(float logit, int id)
    {
        var score = _rounding.Round(logit);
        if (_counts.TryGetValue(id, out var count))
        {
            score = _rounding.Round(score < 0 ? score * _penalties[count] : score / _penalties[count]);
        }

        return _sampling.Temperature is 0 or 1 ? score : _rounding.Round(score / (float)_sampling.Temperature);
    }

    /// <summary>Applies top-k and top-p; at temperature 0, keeps only the best id.</summary>
    private Distribution Keep(Span<ulong> candidates)
    {
        candidates.Sort();
        var best = ScoreKey.ScoreOf(candidates[0]);
        if (!float.IsFinite(best))
        {
            throw new SongException($"the model's best score is {best}, which is not a finite number");
        }

        var kept = _sampling.Temperature == 0 ? 1 : TopK(candidates);
        if (_ids.Length < kept)
        {
            (_ids, _scores, _probabilities) = (new int[kept], new float[kept], new float[kept]);
        }

        for (var i = 0; i < kept; i++)
        {
            (_ids[i], _scores[i]) = (ScoreKey.IdOf(candidates[i]), ScoreKey.ScoreOf(candidates[i]));
        }

        if (_sampling.TopP < 1)
        {
            Softmax(kept);
            kept = TopP(kept);
        }

        Softmax(kept);
        return new Distribution(_ids.AsSpan(0, kept), _probabilities.AsSpan(0, kept));
    }

    private int TopK(ReadOnlySpan<ulong> candidates)
    {
        var kept = Math.Min(_sampling.TopK, candidates.Length);
        var last = ScoreKey.ScoreOf(candidates[kept - 1]);
        while (kept < candidates.Length && ScoreKey.ScoreOf(candidates[kept]) == last)
        {
            kept++;
        }

        return kept;
    }

    /// <summary>Returns the number of ids to keep: those whose predecessors have a total probability of at most top-p, and always the first
    /// <see cref="MinKept"/> ids.</summary>
    private int TopP(int count)
    {
        var topP = _rounding.Round((float)_sampling.TopP);
        var sum = 0.0;
        for (var i = 0; i < count; i++)
        {
            sum += _probabilities[i];
            if (i >= _minKept && _rounding.Round(_rounding.Round((float)sum) - _probabilities[i]) > topP)
            {
                return i;
            }
        }

        return count;
    }

    private void Softmax(int count)
    {
        var sum = 0f;
        for (var i = 0; i < count; i++)
        {
            _probabilities[i] = MathF.Exp(_scores[i] - _scores[0]);
            sum += _probabilities[i];
        }

        for (var i = 0; i < count; i++)
        {
            _probabilities[i] = _rounding.Round(_probabilities[i] * (1 / sum));
        }
    }
}
