using Yue.Engine.Families.Yue1.Tokens;
using Yue.Engine.Sampling;

namespace Yue.Engine.Families.Yue1.Stage2;

/// <summary>The ids that stage 2 may write for a codebook.</summary>
public sealed class Stage2Mask
{
    private readonly Func<int, IdRange> _rangeOf;

    private Stage2Mask(Func<int, IdRange> rangeOf) => _rangeOf = rangeOf;

    /// <summary>Allows each codebook only its own codes, so that the codec can decode every result.</summary>
    public static Stage2Mask SlotExact { get; } = new(codebook => new IdRange(TokenMap.CodebookStart(codebook), TokenMap.CodebookSize));

    /// <summary>The reference's mask, which allows the codes of codebooks 1 to 7 for every codebook.</summary>
    public static Stage2Mask Reference { get; } = new(_ => new IdRange(TokenMap.CodebookStart(1), 7 * TokenMap.CodebookSize));

    /// <summary>Returns the ids that are allowed for a codebook, 1 to 7.</summary>
    public IdRange RangeOf(int codebook) => _rangeOf(codebook);
}
