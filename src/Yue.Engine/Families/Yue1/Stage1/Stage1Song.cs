using System.Globalization;
using System.Runtime.InteropServices;
using Yue.Engine.Families.Yue1.Text;
using Yue.Engine.Families.Yue1.Tokens;
using Yue.Engine.Sampling;
using Yue.Engine.Songs;

namespace Yue.Engine.Families.Yue1.Stage1;

/// <summary>A song in stage 1, which sings one section after another (docs/model.md 2.4).</summary>
public sealed class Stage1Song : IDisposable
{
    /// <summary>The time to read an id of a prompt, as a fraction of the time to sample one. The value may be rough, because only the
    /// reported progress depends on it.</summary>
    private const double ReadingShare = 0.1;

    private readonly SongPrompt _prompt;
    private readonly IReadOnlyList<SectionBudget> _budgets;
    private readonly SamplingSettings _sampling;
    private readonly int _context;
    private readonly IReadOnlyList<IdRange> _allowed;
    private readonly List<int[]> _ids;              // section → its ids, including the end id; kept sections first
    private readonly int _kept;
    private readonly List<string> _warnings = [];
    private int _oldest;                            // the first section still in the context
    private int _toRead;                            // the number of ids of the section's prompt
    private (int Section, int Frames) _taken;       // returned by TakeFrames: whole sections, and frames of the next one

    /// <summary>Creates a song that has not begun.</summary>
    /// <param name="prompt">The prompt.</param>
    /// <param name="kept">The ids of the kept sections at the beginning, which are part of the context.</param>
    /// <param name="budgets">The budgets of the sections to sing.</param>
    /// <param name="sampling">The sampling settings.</param>
    /// <param name="sequence">The song's sequence in the decoder, which is still empty; the song disposes it.</param>
    /// <param name="contextLength">The number of positions that the decoder has for the song.</param>
    /// <param name="allowed">The ids that may be drawn; null means <see cref="DefaultMask"/>.</param>
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

    /// <summary>The end id and the ids of codebook 0, so that all output is valid for the codec.</summary>
    public static IReadOnlyList<IdRange> DefaultMask { get; } =
        [new(TokenMap.EndOfAudio, 1), new(TokenMap.CodebookStart(0), TokenMap.CodebookSize)];

    /// <summary>The song's sequence in the decoder.</summary>
    public IStage1Sequence Sequence { get; }

    /// <summary>True if every section is sung.</summary>
    public bool IsDone => Done == _budgets.Count;

    /// <summary>The number of sections sung so far.</summary>
    public int Done => _ids.Count - _kept;

    /// <summary>The number of ids sampled so far.</summary>
    public int Tokens => Sung.Sum(ids => ids.Length) + (IsDone ? 0 : Sequence.Sampled.Count);

    /// <summary>The number of frames of the current section that <see cref="TakeFrames"/> has returned.</summary>
    public int FramesTaken => _taken.Frames;

    /// <summary>The number of sections from which <see cref="TakeFrames"/> has returned at least one frame.</summary>
    public int SectionsTaken => _taken.Section + (_taken.Frames > 0 ? 1 : 0);

    /// <summary>The maximum number of ids that can be sampled.</summary>
    public long TokenLimit => _budgets.Sum(budget => (long)budget.MaxTokens);

    /// <summary>The work of reading the current section's prompt, in units of sampled ids: the finished part and the whole. Both are 0 once
    /// the song is done.</summary>
    public (double Done, double All) Reading =>
        IsDone ? default : (ReadingShare * (_toRead - Sequence.Unread), ReadingShare * _toRead);

    /// <summary>The ids of each finished section, without the kept sections.</summary>
    public IEnumerable<int[]> Sung => _ids.Skip(_kept);

    /// <summary>Warnings for the caller.</summary>
    public IReadOnlyList<string> Warnings => _warnings;

    /// <summary>The section being sung, from 0, counting kept sections.</summary>
    private int Section => _ids.Count;

    private SectionBudget Budget => _budgets[Done];

    /// <summary>The number of ids that fit into the context before the sound of the current section: see <see cref="RoomOf"/>.</summary>
    private int Room => RoomOf(_context, Budget.MaxTokens);

    /// <summary>Starts the first section to sing.</summary>
    /// <exception cref="SongRequestException">The prompt does not fit into the context.</exception>
    public void Begin()
    {
        // Kept sections are dropped at the same points as when the song was first sung, so that a continued song has the same context as an
        // uninterrupted one.
        for (var section = 1; section <= Section; section++)
        {
            _oldest = OldestInContext(section);
        }

        BeginSection(Context(), hasDropped: _oldest > 0);
    }

    /// <summary>Reads the next chunk of the section's prompt, if any is left. The decoder samples after the last chunk.</summary>
    public void Read() => Sequence.Read();

    /// <summary>Reads the ids that the decoder sampled. If the section is finished, closes it and starts the next one.</summary>
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
            BeginNext();
        }
    }

    /// <summary>Returns the frames that were written since the last call. A frame is final once both of its ids are sampled.</summary>
    public TrackCodes TakeFrames()
    {
        List<int> ids = [];
        for (; _taken.Section < Done; _taken = (_taken.Section + 1, 0))
        {
            Take(_ids[_kept + _taken.Section]);
        }

        if (!IsDone)
        {
            Take(Sequence.Sampled);
        }

        return Tracks.Split(CollectionsMarshal.AsSpan(ids));

        void Take(IReadOnlyList<int> section)
        {
            var frames = (section is [.., TokenMap.EndOfAudio] ? section.Count - 1 : section.Count) / 2;
            for (; _taken.Frames < frames; _taken.Frames++)
            {
                ids.Add(section[2 * _taken.Frames]);
                ids.Add(section[(2 * _taken.Frames) + 1]);
            }
        }
    }

    public void Dispose() => Sequence.Dispose();

    /// <summary>Starts the section after the one just sung. The head stays in the decoder when sections are dropped.</summary>
    private void BeginNext()
    {
        var oldest = OldestInContext(Section);
        if (oldest == _oldest)
        {
            BeginSection(SectionPrompt(Section, _oldest), hasDropped: false);
            return;
        }

        _oldest = oldest;
        Sequence.Truncate(_prompt.Head.AsSpan());
        BeginSection(Context()[_prompt.Head.Length..], hasDropped: true);
    }

    private void BeginSection(int[] prompt, bool hasDropped)
    {
        CheckFits();
        if (hasDropped)
        {
            var dropped = _oldest == 1 ? "section 1" : $"sections 1 to {_oldest}";
            _warnings.Add($"context shortened: from section {Section + 1} on, the model does not see {dropped}");
        }

        Sequence.BeginSection(prompt, Section, Sampling());
        _toRead = Sequence.Unread;
    }

    /// <summary>Returns the first section in the context of a section. When the context is full, the oldest sections are dropped until the
    /// rest takes at most half of the space after the head, so that the context does not have to be read again for every following
    /// section.</summary>
    /// <remarks>The previous section is kept if it fits.</remarks>
    private int OldestInContext(int section)
    {
        var oldest = _oldest;
        if (ContextLength(section, oldest) > Room)
        {
            var half = _prompt.Head.Length + ((Room - _prompt.Head.Length) / 2);
            while (oldest < section && ContextLength(section, oldest) > (oldest == section - 1 ? Room : half))
            {
                oldest++;
            }
        }

        return oldest;
    }

    /// <summary>Returns the prompt of a section whose context begins with section <paramref name="oldest"/>. The prompt starts with the end
    /// id if the previous section is in the context and did not end on its own.</summary>
    private int[] SectionPrompt(int section, int oldest) => section > oldest && _ids[section - 1][^1] != TokenMap.EndOfAudio
        ? [TokenMap.EndOfAudio, .. _prompt.Sections[section]]
        : [.. _prompt.Sections[section]];

    /// <summary>Returns the whole context of the section that is about to start: the head, the sections in its context, and its
    /// prompt.</summary>
    private int[] Context() =>
    [
        .. _oldest == 0 ? [] : _prompt.Head,        // the first section's prompt begins with the head
        .. Enumerable.Range(_oldest, Section - _oldest).SelectMany(i => (int[])[.. SectionPrompt(i, _oldest), .. _ids[i]]),
        .. SectionPrompt(Section, _oldest),
    ];

    /// <summary>Returns the length of a section's context if it begins with section <paramref name="oldest"/>.</summary>
    private int ContextLength(int section, int oldest) =>
        (oldest == 0 ? 0 : _prompt.Head.Length)
        + Enumerable.Range(oldest, section - oldest).Sum(i => SectionPrompt(i, oldest).Length + _ids[i].Length)
        + SectionPrompt(section, oldest).Length;

    private void CheckFits()
    {
        if (FaultOf(_prompt, Section, _context, Budget.MaxTokens) is { } fault)
        {
            throw new SongRequestException(fault);
        }
    }

    /// <summary>Returns the reason why a section cannot be sung even without earlier sections in the context; null if it can.</summary>
    /// <param name="prompt">The song's prompts.</param>
    /// <param name="section">The section, from 0.</param>
    /// <param name="context">The size of the model's context in ids.</param>
    /// <param name="maxTokens">The maximum number of ids in the section.</param>
    internal static string? FaultOf(SongPrompt prompt, int section, int context, int maxTokens)
    {
        var length = prompt.MinContext(section);
        if (length <= RoomOf(context, maxTokens))
        {
            return null;
        }

        var (clip, shorterClip) = prompt.HasReference ? (", the reference clip", " or the reference clip") : ("", "");
        var most = context - 1 - length;
        var fewer = most < SectionBudget.MinSectionTokens ? "" : string.Create(
            CultureInfo.InvariantCulture,
            $", or send max_new_tokens of at most {most} or target_seconds of at most {most / 100.0}");
        return $"the genre line{clip}, the lyrics and the start of section {section + 1} take {length} tokens, but the model's context of "
            + $"{context} has room for {Math.Max(0, RoomOf(context, maxTokens))} in addition to {maxTokens} tokens of sound: "
            + $"shorten the lyrics{shorterClip}{fewer}";
    }

    /// <summary>Returns the number of ids that fit into a context before a section's sound: the size of the context, minus the section's
    /// maximum number of ids, minus one.</summary>
    internal static int RoomOf(int context, int maxTokens) => context - maxTokens - 1;

    private SectionSampling Sampling() => new()
    {
        GuidanceScale = _sampling.GuidanceScale
            ?? (Section == 0 ? SamplingSettings.FirstGuidanceScale : SamplingSettings.LaterGuidanceScale),
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
