using Yue.Engine.Families.Yue2.Tokens;
using Yue.Engine.Sampling;

namespace Yue.Engine.Families.Yue2.Stages;

/// <summary>The ids that one stage writes.</summary>
/// <param name="Content">The ids that its result consists of.</param>
/// <param name="EndId">The id that ends it.</param>
public sealed record StageIds(IdRange Content, int EndId)
{
    /// <summary>Text, until the score is complete.</summary>
    public static StageIds Score { get; } = new(new IdRange(0, TokenIds.TextCount), TokenIds.ScoreEnd);

    /// <summary>Music codes, until the music is complete.</summary>
    public static StageIds Music { get; } = new(new IdRange(TokenIds.FirstCode, TokenIds.CodeCount), TokenIds.MusicEnd);

    /// <summary>The shortest range that contains all allowed ids, which is the part of the head that is read.</summary>
    public IdRange Scored
    {
        get
        {
            var first = Math.Min(Content.First, EndId);
            return new IdRange(first, Math.Max(Content.End, EndId + 1) - first);
        }
    }
}
