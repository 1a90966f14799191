using Yue.Engine.Families.Yue1.Stage1;
using Yue.Engine.Families.Yue1.Text;
using Yue.Engine.Songs;

namespace Yue.Engine.Families.Yue1;

/// <summary>The plan of a song: the sections to sing, and the sections that are kept from another song.</summary>
public sealed record SongPlan
{
    /// <summary>All sections of the lyrics, including those that are not sung, because the prompt contains all of them. Empty if stage 1
    /// does not run.</summary>
    public IReadOnlyList<LyricSection> Lyrics { get; private init; } = [];

    /// <summary>The kept sections before the ones to sing.</summary>
    public required IReadOnlyList<SectionCodes> Before { get; init; }

    /// <summary>The sections of <see cref="Lyrics"/> to sing, starting after <see cref="Before"/>. May be empty.</summary>
    public IReadOnlyList<LyricSection> Sung { get; private init; } = [];

    /// <summary>The kept sections after the ones to sing.</summary>
    public IReadOnlyList<SectionCodes> After { get; private init; } = [];

    /// <summary>The number of frames of all kept sections.</summary>
    public int KeptFrames => Before.Concat(After).Sum(section => section.Frames);

    /// <summary>Warnings about the interpretation of the lyrics, about sections that are not sung, and about kept sections that follow a
    /// new one.</summary>
    public IReadOnlyList<string> Warnings { get; private init; } = [];

    /// <summary>The position of each section of <see cref="Lyrics"/> in the lyrics as they were sent.</summary>
    public IReadOnlyList<TextSpan> Places { get; private init; } = [];

    /// <summary>The <see cref="Warnings"/> as separate findings, each with its position in the lyrics if it has one.</summary>
    public IReadOnlyList<SongFinding> Findings { get; private init; } = [];

    /// <summary>Returns the plan of a request.</summary>
    public static SongPlan For(SongRequest request)
    {
        var kept = request.ContinueFrom?.Sections ?? [];
        if (request.Scope == SongScope.Finish)
        {
            return new SongPlan { Before = kept };
        }

        const string Field = "lyrics";
        var lyrics = LyricsParser.Parse(request.Lyrics);
        lyrics = request.Instrumental ? lyrics.WithoutWords() : lyrics;
        var first = request.ReplaceSection - 1 ?? kept.Count;
        var sung = request.ReplaceSection is null
            ? lyrics.Take(request.RunNSegments, first)
            : new SungSections([.. lyrics.Sections.Skip(first).Take(1)], null);
        var after = kept.Skip(request.ReplaceSection ?? kept.Count).ToArray();
        string[] keptAfter = after.Length == 0 ? [] : [KeptAfter(first + 2, after.Length)];
        return new SongPlan
        {
            Lyrics = lyrics.Sections,
            Places = lyrics.Places,
            Before = [.. kept.Take(first)],
            Sung = sung.Sections,
            After = after,
            Warnings = [.. lyrics.Warnings, .. sung.Warning is null ? [] : new[] { sung.Warning }, .. keptAfter],
            Findings =
            [
                .. lyrics.Findings,
                .. sung.Warning is null
                    ? []
                    : Enumerable.Range(first + sung.Sections.Count, lyrics.Sections.Count - first - sung.Sections.Count).Select(NotSung),
                .. keptAfter.Select(message => new SongFinding("section_kept", Field, message)),
            ],
        };

        SongFinding NotSung(int section) => new(
            "section_not_sung",
            Field,
            $"{Field}: [{lyrics.Sections[section].Tag}] is not sung, because run_n_segments is {request.RunNSegments}",
            lyrics.Places[section]);
    }

    /// <summary>Returns the known or expected length, in seconds, of each section of <see cref="Lyrics"/>; null for sections that are not
    /// in the song.</summary>
    /// <param name="request">The request of the plan.</param>
    /// <param name="pace">The model's singing pace.</param>
    public IReadOnlyList<double?> ExpectedSeconds(SongRequest request, SingingPace pace)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(pace);
        var tempo = pace.TempoOf(request.Genre);
        double Expect(LyricSection section, int i) => request.TargetSeconds is { } targets
            ? targets[Math.Min(i, targets.Count - 1)]
            : SectionLength.ExpectedSeconds(section, pace, tempo, request.MaxNewTokens);
        double?[] known =
        [
            .. Before.Select(SectionLength.SecondsOf).Cast<double?>(),
            .. Sung.Select(Expect).Cast<double?>(),
            .. After.Select(SectionLength.SecondsOf).Cast<double?>(),
        ];
        return [.. Enumerable.Range(0, Lyrics.Count).Select(i => i < known.Length ? known[i] : null)];
    }

    /// <summary>Returns the budget of each section to sing.</summary>
    internal SectionBudget[] BudgetsOf(SongRequest request) => request.TargetSeconds is { } targets
        ? [.. targets.Select(SectionBudget.OfSeconds)]
        : [.. Enumerable.Repeat(SectionBudget.UpTo(request.MaxNewTokens), Sung.Count)];

    private static string KeptAfter(int first, int count) => count == 1
        ? $"section {first} is kept as it was, although it was sung after a different section {first - 1}"
        : $"sections {first} to {first + count - 1} are kept as they were, although they were sung after a different section {first - 1}";
}
