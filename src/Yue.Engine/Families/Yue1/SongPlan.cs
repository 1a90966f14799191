using Yue.Engine.Families.Yue1.Text;
using Yue.Engine.Songs;

namespace Yue.Engine.Families.Yue1;

/// <summary>The sections of a song that are sung, and those that are kept from another song.</summary>
public sealed record SongPlan
{
    /// <summary>All lyric sections, which the model reads before it sings; none if stage 1 does not run.</summary>
    public IReadOnlyList<LyricSection> Lyrics { get; private init; } = [];

    /// <summary>Kept sections before those that are sung.</summary>
    public required IReadOnlyList<SectionCodes> Before { get; init; }

    /// <summary>The sections that are sung: those of <see cref="Lyrics"/> that follow <see cref="Before"/>. May be empty.</summary>
    public IReadOnlyList<LyricSection> Sung { get; private init; } = [];

    /// <summary>Kept sections after those that are sung.</summary>
    public IReadOnlyList<SectionCodes> After { get; private init; } = [];

    /// <summary>Warnings about how the lyrics were read and which sections are not sung.</summary>
    public IReadOnlyList<string> Warnings { get; private init; } = [];

    /// <summary>Returns the plan of a request.</summary>
    public static SongPlan For(SongRequest request)
    {
        var kept = request.ContinueFrom?.Sections ?? [];
        if (request.Scope == SongScope.Finish)
        {
            return new SongPlan { Before = kept };
        }

        var lyrics = LyricsParser.Parse(request.Lyrics);
        lyrics = request.Instrumental ? lyrics.WithoutWords() : lyrics;
        var first = request.ReplaceSection - 1 ?? kept.Count;
        var sung = request.ReplaceSection is null
            ? lyrics.Take(request.RunNSegments, first)
            : new SungSections([.. lyrics.Sections.Skip(first).Take(1)], null);
        var after = kept.Skip(request.ReplaceSection ?? kept.Count).ToArray();
        return new SongPlan
        {
            Lyrics = lyrics.Sections,
            Before = [.. kept.Take(first)],
            Sung = sung.Sections,
            After = after,
            Warnings =
            [
                .. lyrics.Warnings,
                .. sung.Warning is null ? [] : new[] { sung.Warning },
                .. after.Length == 0 ? [] : new[] { KeptAfter(first + 2, after.Length) },
            ],
        };
    }

    private static string KeptAfter(int first, int count) => count == 1
        ? $"section {first} is kept as it was: it was sung after another section {first - 1}"
        : $"sections {first} to {first + count - 1} are kept as they were: they were sung after another section {first - 1}";
}
