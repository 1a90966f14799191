using CsCheck;
using Xunit;
using Yue.Engine.Families.Yue1.Tokens;

namespace Yue.Engine.Tests.Tokens;

public sealed class TracksTests
{
    private static readonly Gen<int> GenCode = Gen.Int[0, TokenMap.CodebookSize - 1];

    [Fact]
    public void Splitting_undoes_interleaving() =>
        GenCode.Array.SelectMany(vocal => GenCode.Array[vocal.Length].Select(instrumental => (vocal, instrumental)))
            .Sample(codes =>
            {
                var tracks = Tracks.Split(Tracks.Interleave(codes.vocal, codes.instrumental));
                Assert.Equal(codes.vocal, tracks.Vocal);
                Assert.Equal(codes.instrumental, tracks.Instrumental);
                Assert.Equal(codes.vocal.Length, tracks.Frames);
            });

    [Fact]
    public void Interleaving_undoes_splitting_except_for_the_marker_and_an_unpaired_id() =>
        Gen.Select(GenCode.Select(code => TokenMap.ToId(code)).Array, Gen.Bool).Sample((ids, marked) =>
        {
            var tracks = Tracks.Split(marked ? [TokenMap.XCodec, .. ids] : ids);
            Assert.Equal(ids[..(ids.Length / 2 * 2)], Tracks.Interleave(tracks.Vocal.AsSpan(), tracks.Instrumental.AsSpan()));
        });

    [Fact]
    public void Ids_that_are_not_codes_become_values_outside_the_codebook()
    {
        var tracks = Tracks.Split([TokenMap.EndOfAudio, TokenMap.CodebookStart(TokenMap.CodebookCount)]);
        Assert.False(TokenMap.IsCode(tracks.Vocal[0]));
        Assert.False(TokenMap.IsCode(tracks.Instrumental[0]));
    }

    [Fact]
    public void Tracks_of_different_lengths_are_refused() =>
        Assert.Throws<ArgumentException>(() => Tracks.Interleave([1, 2], [3]));
}
