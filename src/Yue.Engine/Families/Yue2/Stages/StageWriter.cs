using System.Runtime.InteropServices;
using Yue.Engine.Llama;
using Yue.Engine.Sampling;
using static TorchSharp.torch;

namespace Yue.Engine.Families.Yue2.Stages;

/// <summary>Writes the ids of one stage of a song, one at a time, with the plain model (docs/model-yue2.md 5).</summary>
/// <remarks>Guidance runs a second row with a prompt of a different length. Not thread-safe.</remarks>
public sealed class StageWriter : IStageSequence
{
    private const int Main = 0;
    private const int Guide = 1;

    private readonly LlamaModel _model;
    private readonly StageOrder _order;
    private readonly StageChain _chain;
    private readonly float _guidanceScale;
    private readonly int[][] _prompts;                          // the prompt of each row
    private readonly KvCache _cache;
    private readonly Tensor?[] _hidden = new Tensor?[2];        // row → [1, hidden] of its last id
    private readonly List<int> _tokens = [];
    private int _step;

    /// <summary>Opens a stage. Its prompts are not read yet.</summary>
    /// <param name="model">The language model; the caller owns it.</param>
    /// <param name="order">The stage, which must fit into the model's context.</param>
    public StageWriter(LlamaModel model, StageOrder order)
    {
        (_model, _order) = (model, order);
        _chain = new StageChain(order.Ids, order.Sampling, order.HasPlan);
        _guidanceScale = (float)(order.Guidance?.Scale ?? 1);
        _prompts = order.Prompts;
        _cache = model.NewCache(_prompts.Length, order.PromptLength + order.Sampling.MaxTokens);
    }

    public int Unread => Enumerable.Range(0, _prompts.Length).Sum(UnreadOf);

    public IReadOnlyList<int> Tokens => _tokens;

    public bool IsComplete { get; private set; }

    public bool IsTruncated => !IsComplete && _step >= _order.Sampling.MaxTokens;

    public void Read()
    {
        if (Unread == 0)
        {
            return;
        }

        var row = UnreadOf(Main) > 0 ? Main : Guide;
        var piece = _prompts[row].AsSpan(_cache.Lengths[row], Math.Min(LlamaModel.PrefillChunk, UnreadOf(row)));
        var hidden = _model.Prefill(piece, _cache, row);
        _hidden[row]?.Dispose();
        _hidden[row] = hidden;
    }

    /// <summary>Returns the distribution of the next id.</summary>
    public Distribution Next() => _chain.Next(Logits(), CollectionsMarshal.AsSpan(_tokens), _step);

    /// <summary>Draws and writes the next id as the reference does.</summary>
    public void Write() => Append(StageDraw.Draw(Next(), _order.Seed, _step));

    /// <summary>Appends an id that was drawn from <see cref="Next"/>.</summary>
    public void Append(int id)
    {
        if (IsComplete || IsTruncated)
        {
            throw new InvalidOperationException($"the stage ended after {_step} ids");
        }

        _step++;
        if (id == _order.Ids.EndId)
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

    /// <summary>Copies the keys and values of the song's own row into the empty first row of another cache.</summary>
    internal void CopyTo(KvCache other) => other.Extend(Main, _cache, _cache.Lengths[Main]);

    public void Dispose()
    {
        _cache.Dispose();
        foreach (var hidden in _hidden)
        {
            hidden?.Dispose();
        }
    }

    private int UnreadOf(int row) => Math.Max(0, _prompts[row].Length - _cache.Lengths[row]);

    private void Feed(int id, int row)
    {
        if (_hidden[row] is { } before)
        {
            before.Dispose();
            _hidden[row] = _model.Step([id], _cache, row..(row + 1));
        }
    }

    /// <summary>Returns the logits of the ids of <see cref="StageIds.Scored"/>. With guidance of scale s, these are u + s · (c − u), where
    /// c are the logits of the main row, and u those of the guide row.</summary>
    internal float[] Logits()
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
        var scored = _order.Ids.Scored;
        using var logits = _model.Logits(hidden, scored.First, scored.Count);
        using var onCpu = logits.cpu();
        return onCpu.data<float>().ToArray();
    }
}
