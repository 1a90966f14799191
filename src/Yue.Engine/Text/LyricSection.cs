namespace Yue.Engine.Text;

/// <summary>One section of the lyrics.</summary>
/// <param name="Tag">The tag in the prompt, one word: <c>verse</c>.</param>
/// <param name="Words">What is sung, without white space at either end; may be empty.</param>
public sealed record LyricSection(string Tag, string Words)
{
    /// <summary>What stood between the brackets in the lyrics; null where the tag is assumed.</summary>
    public string? WrittenTag { get; init; } = Tag;

    /// <summary>The section as the prompt has it.</summary>
    public string Text => $"[{Tag}]\n{Words}\n\n";
}

/// <summary>Lyrics cut into sections.</summary>
/// <param name="Sections">In order; none where the lyrics are blank.</param>
/// <param name="Warnings">What was changed or assumed, in plain words.</param>
public sealed record ParsedLyrics(IReadOnlyList<LyricSection> Sections, IReadOnlyList<string> Warnings)
{
    /// <summary>The first <paramref name="runNSegments"/> sections, which are to be sung; all of them for 0.</summary>
    public SungSections Take(int runNSegments)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(runNSegments);
        if (runNSegments == 0 || runNSegments >= Sections.Count)
        {
            return new SungSections(Sections, null);
        }

        var left = Sections.Skip(runNSegments).Select(section => $"[{section.Tag}]");
        return new SungSections(
            [.. Sections.Take(runNSegments)],
            $"lyrics: {Sections.Count - runNSegments} of {Sections.Count} sections are not sung, because run_n_segments is "
                + $"{runNSegments}: {LyricsParser.Listed(left)}");
    }
}

/// <summary>The sections that are sung.</summary>
/// <param name="Sections">In order.</param>
/// <param name="Warning">Names the sections that were not asked for; null where all are sung.</param>
public sealed record SungSections(IReadOnlyList<LyricSection> Sections, string? Warning);
