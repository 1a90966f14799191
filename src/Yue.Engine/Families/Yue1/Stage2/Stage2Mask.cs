using Yue.Engine.Families.Yue1.Tokens;
using Yue.Engine.Sampling;

namespace Yue.Engine.Families.Yue1.Stage2;

/// <summary>Which ids stage 2 may write for a codebook.</summary>
public sealed class Stage2Mask
{
    private readonly Func<int, IdRange> _rangeOf;

    private Stage2Mask(Func<int, IdRange> rangeOf) => _rangeOf = rangeOf;

    /// <summary>Only the codes of that codebook: nothing that the codec cannot take can come out.</summary>
    public static Stage2Mask SlotExact { get; } = new(codebook => new IdRange(TokenMap.CodebookStart(codebook), TokenMap.CodebookSize));

    /// <summary>The reference's: the codes of codebooks 1 to 7 in every slot.</summary>
    public static Stage2Mask Reference { get; } = new(_ => new IdRange(TokenMap.CodebookStart(1), 7 * TokenMap.CodebookSize));

    /// <summary>The ids allowed for codebook 1 to 7.</summary>
    public IdRange RangeOf(int codebook) => _rangeOf(codebook);
}
