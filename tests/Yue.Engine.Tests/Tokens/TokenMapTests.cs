using Xunit;
using Yue.Engine.Families.Yue1.Tokens;

namespace Yue.Engine.Tests.Tokens;

/// <summary>Tests the token ids in docs/model.md 2.3.</summary>
public sealed class TokenMapTests
{
    [Theory]
    [InlineData(0, 45_334)]
    [InlineData(1, 46_358)]
    [InlineData(8, 53_526)]
    [InlineData(12, 57_622)]
    public void The_ids_of_codebooks_are_contiguous(int codebook, int firstId) =>
        Assert.Equal(firstId, TokenMap.CodebookStart(codebook));

    [Fact]
    public void Every_code_of_every_codebook_has_its_own_id()
    {
        var ids = new HashSet<int>();
        for (var codebook = 0; codebook < TokenMap.CodebookCount; codebook++)
        {
            for (var code = 0; code < TokenMap.CodebookSize; code++)
            {
                var id = TokenMap.ToId(code, codebook);
                Assert.True(ids.Add(id));
                Assert.Equal(code, TokenMap.ToCode(id, codebook));
                Assert.True(TokenMap.IsCode(TokenMap.ToCode(id, codebook)));
                Assert.Equal(codebook == 0, TokenMap.IsCode(TokenMap.ToCode(id)));
                Assert.False(TokenMap.IsText(id) || TokenMap.ControlNames.ContainsKey(id));
            }
        }

        Assert.Equal((45_334, 57_621), (ids.Min(), ids.Max()));
    }

    [Theory]
    [InlineData(-1, 0)]
    [InlineData(1024, 0)]
    [InlineData(0, -1)]
    [InlineData(0, 12)]
    public void A_code_or_codebook_that_does_not_exist_is_refused(int code, int codebook) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => TokenMap.ToId(code, codebook));

    [Fact]
    public void The_control_tokens_between_text_and_codes_are_all_named()
    {
        const int FirstCode = 32_022;       // the first id of dac_16k
        Assert.All(Enumerable.Range(TokenMap.TextCount, FirstCode - TokenMap.TextCount),
            id => Assert.Equal(id, TokenMap.ControlTokens[TokenMap.ControlNames[id]]));
        Assert.Equal(TokenMap.ControlTokens.Count, TokenMap.ControlNames.Count);
        Assert.Equal("<xcodec>", TokenMap.ControlNames[TokenMap.XCodec]);
        Assert.Equal(TokenMap.Count - 1, TokenMap.ControlNames.Keys.Max());
    }

    [Fact]
    public void Control_tokens_are_not_text() => Assert.DoesNotContain(TokenMap.ControlNames.Keys, TokenMap.IsText);
}
