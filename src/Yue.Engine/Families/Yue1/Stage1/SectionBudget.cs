using Yue.Engine.Families.Yue1.Tokens;
using Yue.Engine.Songs;

namespace Yue.Engine.Families.Yue1.Stage1;

/// <summary>The minimum and maximum number of ids in a section; 100 ids are one second.</summary>
/// <param name="MinTokens">The section does not end on its own before this many ids.</param>
/// <param name="MaxTokens">The section is cut at this many ids.</param>
public readonly record struct SectionBudget(int MinTokens, int MaxTokens)
{
    /// <summary>The minimum number of ids in any section, as in the reference: one second.</summary>
    public const int MinSectionTokens = SongLimits.MinMaxNewTokens;

    private const double EndingShare = 0.1;

    /// <summary>Returns the budget of a section that may end at any time after its first second.</summary>
    public static SectionBudget UpTo(int maxTokens) => new(MinSectionTokens, maxTokens);

    /// <summary>Returns the budget of a section that may end on its own in the last tenth of the target and is cut at the target.</summary>
    public static SectionBudget OfSeconds(double targetSeconds)
    {
        var maxTokens = 2 * (int)Math.Round(Tracks.FramesPerSecond * targetSeconds);
        return new(Math.Max(MinSectionTokens, (int)(maxTokens * (1 - EndingShare))), maxTokens);
    }

    /// <summary>Returns the minimum number of frames that the unfinished sections will have once they are sung.</summary>
    /// <param name="budgets">The sections' budgets. Those of finished sections are not read.</param>
    /// <param name="finished">The number of finished sections, which are not counted.</param>
    /// <param name="written">The number of written frames of the first unfinished section.</param>
    /// <param name="lastIsCut">True to assume that the last section is cut at its limit.</param>
    public static int MinFrames(IReadOnlyList<SectionBudget> budgets, int finished, int written, bool lastIsCut) =>
        budgets.Skip(finished).Select((budget, i) => Math.Max(
            i == 0 ? written : 0,
            (lastIsCut && finished + i == budgets.Count - 1 ? budget.MaxTokens : budget.MinTokens) / 2)).Sum();
}
