using Yue.Engine.Songs;

namespace Yue.Engine.Families.Yue1.Stage1;

/// <summary>How many ids a section may have; 100 are one second.</summary>
/// <param name="MinTokens">Before so many the section does not end by itself.</param>
/// <param name="MaxTokens">At so many it is cut.</param>
public readonly record struct SectionBudget(int MinTokens, int MaxTokens)
{
    /// <summary>Any section has at least this many ids, as in the reference: one second.</summary>
    public const int LeastTokens = SongLimits.MinMaxNewTokens;

    private const int FramesPerSecond = 50;
    private const double EndingShare = 0.1;

    /// <summary>A section that may end at any time after its first second.</summary>
    public static SectionBudget UpTo(int maxTokens) => new(LeastTokens, maxTokens);

    /// <summary>A section that may end by itself in the last tenth of the target, and is cut at the target.</summary>
    public static SectionBudget OfSeconds(double targetSeconds)
    {
        var maxTokens = 2 * (int)Math.Round(FramesPerSecond * targetSeconds);
        return new(Math.Max(LeastTokens, (int)(maxTokens * (1 - EndingShare))), maxTokens);
    }
}
