using Yue.Engine.Families.Yue2.Tokens;
using Yue.Engine.Sampling;

namespace Yue.Engine.Families.Yue2.Stages;

/// <summary>The ids that one stage writes.</summary>
/// <param name="Content">The ids that the stage's result consists of.</param>
/// <param name="EndId">The id that ends the stage.</param>
public sealed record StageIds(IdRange Content, int EndId)
{
    /// <summary>The text of a score, and the id that ends it.</summary>
    public static StageIds Score { get; } = new(new IdRange(0, TokenIds.TextCount), TokenIds.ScoreEnd);

    /// <summary>The codes of the music, and the id that ends it.</summary>
    public static StageIds Music { get; } = new(new IdRange(TokenIds.FirstCode, TokenIds.CodeCount), TokenIds.MusicEnd);

    /// <summary>The shortest range that contains all allowed ids, which is the part of the output head that is read.</summary>
    public IdRange Scored
    {
        get
        {
            var first = Math.Min(Content.First, EndId);
            return new IdRange(first, Math.Max(Content.End, EndId + 1) - first);
        }
    }
}
