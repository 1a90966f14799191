using Yue.Engine.Sampling;
using Yue.Engine.Text;
using Yue.Engine.Tokens;

namespace Yue.Engine.Stage1;

/// <summary>One song's way through stage 1: section after section, until every requested one is sung (MODEL.md 2.4).</summary>
public sealed class Stage1Song : IDisposable
{
    /// <summary>A section has at least this many ids, as in the reference: one second.</summary>
    public const int MinNewTokens = 100;

    private readonly SongPrompt _prompt;
    private readonly int _sections;
    private readonly SongRequest _request;
    private readonly int _context;
    private readonly IReadOnlyList<IdRange> _allowed;
    private readonly List<int[]> _sung = [];        // section → its ids, the end id included
    private readonly List<string> _warnings = [];
    private int _oldest;                            // the first section still in the context

    /// <summary>A song that has not begun.</summary>
    /// <param name="prompt">What the model reads.</param>
    /// <param name="sections">How many of the prompt's sections are sung.</param>
    /// <param name="request">How to draw.</param>
    /// <param name="sequence">The song's place in the decoder, which it owns.</param>
    /// <param name="contextLength">The positions that the decoder has for it.</param>
    /// <param name="allowed">The ids that may be drawn; null is <see cref="DefaultMask"/>.</param>
    public Stage1Song(
        SongPrompt prompt, int sections, SongRequest request, IStage1Sequence sequence, int contextLength, IReadOnlyList<IdRange>? allowed = null)
    {
        (_prompt, _sections, _request, Sequence, _context) = (prompt, sections, request, sequence, contextLength);
        _allowed = allowed ?? DefaultMask;
    }

    /// <summary>The end id and codebook 0: nothing that the codec cannot take can come out.</summary>
    public static IReadOnlyList<IdRange> DefaultMask { get; } =
        [new(TokenMap.EndOfAudio, 1), new(TokenMap.CodebookStart(0), TokenMap.CodebookSize)];

    /// <summary>The song's place in the decoder.</summary>
    public IStage1Sequence Sequence { get; }

    /// <summary>Whether every section is sung.</summary>
    public bool IsDone => _sung.Count == _sections;

    /// <summary>The section being sung, from 0.</summary>
    public int Section => _sung.Count;

    /// <summary>Ids sampled so far.</summary>
    public int Tokens => _sung.Sum(ids => ids.Length) + (IsDone ? 0 : Sequence.Sampled.Count);

    /// <summary>Ids of every finished section.</summary>
    public IReadOnlyList<int[]> Sung => _sung;

    /// <summary>What the caller should know.</summary>
    public IReadOnlyList<string> Warnings => _warnings;

    /// <summary>Begins the first section.</summary>
    /// <exception cref="SongRequestException">Genre and lyrics do not fit into the context.</exception>
    public void Begin() => BeginSection();

    /// <summary>Looks at what the decoder sampled: closes a finished section and begins the next.</summary>
    public void TakeSampled()
    {
        var sampled = Sequence.Sampled;
        if (sampled.Count == 0 || (sampled[^1] != TokenMap.EndOfAudio && sampled.Count < _request.MaxNewTokens))
        {
            return;
        }

        _sung.Add([.. sampled]);
        if (!IsDone)
        {
            BeginSection();
        }
    }

    public void Dispose() => Sequence.Dispose();

    private void BeginSection()
    {
        var prompt = SectionPrompt(Section);
        var budget = _context - _request.MaxNewTokens - 1;
        if (Sequence.Length + prompt.Length > budget)
        {
            prompt = Shorten(budget);
            Sequence.Clear();
        }

        Sequence.BeginSection(prompt, Section, Sampling());
    }

    /// <summary>What comes before a section: its prompt, behind the end id if the section before did not end by itself.</summary>
    private int[] SectionPrompt(int section) => section > _oldest && _sung[section - 1][^1] != TokenMap.EndOfAudio
        ? [TokenMap.EndOfAudio, .. _prompt.Sections[section]]
        : [.. _prompt.Sections[section]];

    /// <summary>The context with the oldest sections left out, as few as will do; the instruction stays.</summary>
    private int[] Shorten(int budget)
    {
        while (_oldest < Section)
        {
            _oldest++;
            int[] ids = [.. _prompt.Head, .. Enumerable.Range(_oldest, Section - _oldest).SelectMany(i => (int[])[.. SectionPrompt(i), .. _sung[i]]), .. SectionPrompt(Section)];
            if (ids.Length <= budget)
            {
                _warnings.Add($"context shortened: section {Section + 1} was sung without hearing section{(_oldest == 1 ? "" : "s 1 to")} {_oldest}");
                return ids;
            }
        }

        var clip = _request.Reference is null ? "" : ", the clip";
        throw new SongRequestException(
            $"genre{clip} and lyrics take {_prompt.Sections[0].Length} tokens; with max_new_tokens {_request.MaxNewTokens} "
            + $"the model's context of {_context} holds {budget}: shorten the lyrics{clip} or lower max_new_tokens");
    }

    private SectionSampling Sampling()
    {
        var settings = _request.Sampling;
        return new SectionSampling
        {
            GuidanceScale = settings.GuidanceScale ?? (Section == 0 ? 1.5 : 1.2),
            RepetitionPenalty = settings.RepetitionPenalty,
            Temperature = settings.Temperature,
            TopP = settings.TopP,
            TopK = settings.TopK,
            MinNewTokens = MinNewTokens,
            MaxNewTokens = _request.MaxNewTokens,
            EndId = TokenMap.EndOfAudio,
            Allowed = _allowed,
        };
    }
}
