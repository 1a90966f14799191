using System.Runtime.InteropServices;
using Yue.Engine.Llama;
using Yue.Engine.Sampling;
using Yue.Engine.Songs;
using static TorchSharp.torch;

namespace Yue.Engine.Families.Yue2.Stages;

/// <summary>Writes the ids of one stage of a song, one at a time, with the plain model (docs/model-yue2.md 5).</summary>
/// <remarks>Guidance runs a second row, whose prompt has another length. Used by one thread at a time.</remarks>
public sealed class StageWriter : IDisposable
{
    private const int Main = 0;
    private const int Guide = 1;

    private readonly LlamaModel _model;
    private readonly StageIds _stage;
    private readonly StageChain _chain;
    private readonly int _maxTokens;
    private readonly float _guidanceScale;
    private readonly KvCache _cache;
    private readonly Tensor?[] _hidden = new Tensor?[2];        // row → [1, hidden] of its last id
    private readonly List<int> _tokens = [];
    private int _step;

    /// <summary>Reads the prompts of a stage.</summary>
    /// <param name="model">The language model; the caller keeps it.</param>
    /// <param name="stage">The ids that may come.</param>
    /// <param name="sampling">How they are drawn.</param>
    /// <param name="prompt">The ids that the stage continues.</param>
    /// <param name="guidance">The prompt and the scale of guidance; null for none.</param>
    /// <param name="hasPlan">False if the song's plan is off.</param>
    /// <exception cref="SongException">A prompt and the most tokens do not fit into the model's context.</exception>
    public StageWriter(
        LlamaModel model, StageIds stage, StageSampling sampling, int[] prompt, StageGuidance? guidance = null, bool hasPlan = true)
    {
        (_model, _stage, _maxTokens) = (model, stage, sampling.MaxTokens);
        _chain = new StageChain(stage, sampling, hasPlan);
        _guidanceScale = (float)(guidance?.Scale ?? 1);
        var longest = Math.Max(prompt.Length, guidance?.Prompt.Length ?? 0);
        if (longest + sampling.MaxTokens > model.Config.MaxPositions)
        {
            throw new SongException(
                $"the prompt has {longest} tokens and up to {sampling.MaxTokens} more are to be written; the model's context holds "
                    + $"{model.Config.MaxPositions}. Shorten the lyrics, the style or the score, or ask for fewer tokens");
        }

        _cache = model.NewCache(guidance is null ? 1 : 2, longest + sampling.MaxTokens);
        try
        {
            _hidden[Main] = model.Prefill(prompt, _cache, Main);
            _hidden[Guide] = guidance is null ? null : model.Prefill(guidance.Prompt, _cache, Guide);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The ids so far, without the one that ends the stage.</summary>
    public IReadOnlyList<int> Tokens => _tokens;

    /// <summary>True if the stage wrote its end.</summary>
    public bool IsComplete { get; private set; }

    /// <summary>True if the stage wrote the most tokens and not its end.</summary>
    public bool IsTruncated => !IsComplete && _step >= _maxTokens;

    /// <summary>Returns the distribution of the next id.</summary>
    public Distribution Next() => _chain.Next(Logits(), CollectionsMarshal.AsSpan(_tokens), _step);

    /// <summary>Writes the next id by the draw of the reference.</summary>
    /// <param name="seed">The song's seed.</param>
    public int Write(long seed)
    {
        var id = StageDraw.Draw(Next(), seed, _step);
        Append(id);
        return id;
    }

    /// <summary>Appends an id that was drawn from <see cref="Next"/>.</summary>
    public void Append(int id)
    {
        if (IsComplete || IsTruncated)
        {
            throw new InvalidOperationException($"the stage ended after {_step} ids");
        }

        _step++;
        if (id == _stage.EndId)
        {
            IsComplete = true;
            return;
        }

        _tokens.Add(id);
        if (!IsTruncated)
        {
            Feed(id, Main);
            Feed(id, Guide);
        }
    }

    public void Dispose()
    {
        _cache.Dispose();
        foreach (var hidden in _hidden)
        {
            hidden?.Dispose();
        }
    }

    private void Feed(int id, int row)
    {
        if (_hidden[row] is { } before)
        {
            before.Dispose();
            _hidden[row] = _model.Step([id], _cache, row..(row + 1));
        }
    }

    /// <summary>Returns the logits of the ids that may come: u + s · (c − u) with guidance.</summary>
    private float[] Logits()
    {
        var logits = LogitsOf(_hidden[Main]!);
        if (_hidden[Guide] is { } guide)
        {
            var others = LogitsOf(guide);
            for (var i = 0; i < logits.Length; i++)
            {
                logits[i] = others[i] + (_guidanceScale * (logits[i] - others[i]));
            }
        }

        return logits;
    }

    private float[] LogitsOf(Tensor hidden)
    {
        var scored = _stage.Scored;
        using var logits = _model.Logits(hidden, scored.First, scored.Count);
        using var onCpu = logits.cpu();
        return onCpu.data<float>().ToArray();
    }
}

/// <summary>Guidance away from a prompt that knows neither style nor lyrics.</summary>
/// <param name="Prompt">That prompt.</param>
/// <param name="Scale">1 is no guidance.</param>
public sealed record StageGuidance(int[] Prompt, double Scale);
