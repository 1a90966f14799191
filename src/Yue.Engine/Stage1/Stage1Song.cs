using Yue.Engine.Sampling;
using Yue.Engine.Text;
using Yue.Engine.Tokens;

namespace Yue.Engine.Stage1;

/// <summary>One song's way through stage 1: section after section, until every requested one is sung (MODEL.md 2.4).</summary>
public sealed class Stage1Song : IDisposable
{
    private readonly SongPrompt _prompt;
    private readonly IReadOnlyList<SectionBudget> _budgets;
    private readonly SamplingSettings _sampling;
    private readonly int _context;
    private readonly IReadOnlyList<IdRange> _allowed;
    private readonly List<int[]> _ids;              // section → its ids, the end id included; the kept ones first
    private readonly int _kept;
    private readonly List<string> _warnings = [];
    private int _oldest;                            // the first section still in the context

    /// <summary>A song that has not begun.</summary>
    /// <param name="prompt">What the model reads.</param>
    /// <param name="kept">The ids of sections that are sung already and come before: what the model hears first.</param>
    /// <param name="budgets">One for each of the prompt's next sections, which are sung.</param>
    /// <param name="sampling">How to draw.</param>
    /// <param name="sequence">The song's place in the decoder, which it owns.</param>
    /// <param name="contextLength">The positions that the decoder has for it.</param>
    /// <param name="allowed">The ids that may be drawn; null is <see cref="DefaultMask"/>.</param>
    public Stage1Song(
        SongPrompt prompt,
        IReadOnlyList<int[]> kept,
        IReadOnlyList<SectionBudget> budgets,
        SamplingSettings sampling,
        IStage1Sequence sequence,
        int contextLength,
        IReadOnlyList<IdRange>? allowed = null)
    {
        (_prompt, _budgets, _sampling, Sequence, _context) = (prompt, budgets, sampling, sequence, contextLength);
        (_ids, _kept) = ([.. kept], kept.Count);
        _allowed = allowed ?? DefaultMask;
    }

    /// <summary>The end id and codebook 0: nothing that the codec cannot take can come out.</summary>
    public static IReadOnlyList<IdRange> DefaultMask { get; } =
        [new(TokenMap.EndOfAudio, 1), new(TokenMap.CodebookStart(0), TokenMap.CodebookSize)];

    /// <summary>The song's place in the decoder.</summary>
    public IStage1Sequence Sequence { get; }

    /// <summary>Whether every section is sung.</summary>
    public bool IsDone => Done == _budgets.Count;

    /// <summary>Sections sung so far.</summary>
    public int Done => _ids.Count - _kept;

    /// <summary>Ids sampled so far.</summary>
    public int Tokens => Sung.Sum(ids => ids.Length) + (IsDone ? 0 : Sequence.Sampled.Count);

    /// <summary>The most ids that can be sampled.</summary>
    public long TokenLimit => _budgets.Sum(budget => (long)budget.MaxTokens);

    /// <summary>The share of the sections that is sung; one that is being sung counts by its budget.</summary>
    public double Fraction => (Done + (IsDone ? 0 : (double)Sequence.Sampled.Count / Budget.MaxTokens)) / _budgets.Count;

    /// <summary>Ids of every section that was sung here and is finished.</summary>
    public IEnumerable<int[]> Sung => _ids.Skip(_kept);

    /// <summary>What the caller should know.</summary>
    public IReadOnlyList<string> Warnings => _warnings;

    /// <summary>The section being sung, from 0, kept ones counted.</summary>
    private int Section => _ids.Count;

    private SectionBudget Budget => _budgets[Done];

    /// <summary>Begins the first section to sing.</summary>
    /// <exception cref="SongRequestException">Genre and lyrics do not fit into the context.</exception>
    public void Begin() => BeginSection(Context());

    /// <summary>Looks at what the decoder sampled: closes a finished section and begins the next.</summary>
    public void TakeSampled()
    {
        var sampled = Sequence.Sampled;
        if (sampled.Count == 0 || (sampled[^1] != TokenMap.EndOfAudio && sampled.Count < Budget.MaxTokens))
        {
            return;
        }

        _ids.Add([.. sampled]);
        if (!IsDone)
        {
            BeginSection(SectionPrompt(Section));
        }
    }

    public void Dispose() => Sequence.Dispose();

    private void BeginSection(int[] prompt)
    {
        var room = _context - Budget.MaxTokens - 1;
        if (Sequence.Length + prompt.Length > room)
        {
            prompt = Shorten(room);
            Sequence.Clear();
        }

        Sequence.BeginSection(prompt, Section, Sampling());
    }

    /// <summary>What comes before a section: its prompt, behind the end id if the section before did not end by itself.</summary>
    private int[] SectionPrompt(int section) => section > _oldest && _ids[section - 1][^1] != TokenMap.EndOfAudio
        ? [TokenMap.EndOfAudio, .. _prompt.Sections[section]]
        : [.. _prompt.Sections[section]];

    /// <summary>The whole context of the section being begun, from <see cref="_oldest"/> on, the instruction before it.</summary>
    private int[] Context() =>
    [
        .. _oldest == 0 ? [] : _prompt.Head,        // the first section's prompt begins with it
        .. Enumerable.Range(_oldest, Section - _oldest).SelectMany(i => (int[])[.. SectionPrompt(i), .. _ids[i]]),
        .. SectionPrompt(Section),
    ];

    /// <summary>The context with the oldest sections left out, as few as will do; the instruction stays.</summary>
    private int[] Shorten(int room)
    {
        while (_oldest < Section)
        {
            _oldest++;
            var ids = Context();
            if (ids.Length <= room)
            {
                _warnings.Add($"context shortened: section {Section + 1} was sung without hearing section{(_oldest == 1 ? "" : "s 1 to")} {_oldest}");
                return ids;
            }
        }

        throw new SongRequestException(
            $"genre and lyrics take {_prompt.Sections[0].Length} tokens; with max_new_tokens {Budget.MaxTokens} "
            + $"the model's context of {_context} holds {room}: shorten the lyrics, or lower max_new_tokens or target_seconds");
    }

    private SectionSampling Sampling() => new()
    {
        GuidanceScale = _sampling.GuidanceScale ?? (Section == 0 ? 1.5 : 1.2),
        RepetitionPenalty = _sampling.RepetitionPenalty,
        Temperature = _sampling.Temperature,
        TopP = _sampling.TopP,
        TopK = _sampling.TopK,
        MinNewTokens = Budget.MinTokens,
        MaxNewTokens = Budget.MaxTokens,
        EndId = TokenMap.EndOfAudio,
        Allowed = _allowed,
    };
}
