using System.Text.Json;
using CsCheck;
using Xunit;
using Yue.Engine.Families.Yue1.Tokens;
using Yue.Engine.Songs;

namespace Yue.Engine.Tests;

public sealed class SongCodesTests
{
    private static readonly Gen<int> GenId = Gen.Int[0, TokenMap.CodebookSize - 1].Select(code => TokenMap.ToId(code));

    [Fact]
    public void A_section_restores_its_ids_including_an_unpaired_id_and_the_end_id() =>
        Gen.Select(GenId.Array[1, 20], Gen.Bool).Sample((codes, ended) =>
        {
            int[] ids = ended ? [.. codes, TokenMap.EndOfAudio] : codes;
            var section = SectionIds.ToSection("verse", ids);
            Assert.Equal(ids, section.ToIds());
            Assert.Equal(codes.Length / 2, section.Frames);
            Assert.Equal(section.Vocal.Length, section.Instrumental.Length);
            Assert.Equal(ended ? SectionEnd.EndOfAudio : SectionEnd.MaxNewTokens, section.Ended);
        });

    [Fact]
    public void Codes_survive_a_JSON_round_trip()
    {
        var codes = new SongCodes(
            "en", [new("verse", [1, 2], [3, 1023], SectionEnd.MaxNewTokens, 9), new("chorus", [0], [5], SectionEnd.EndOfAudio)]);
        var json = JsonSerializer.Serialize(codes);
        var read = JsonSerializer.Deserialize<SongCodes>(json)!;
        Assert.Equal(codes.Sections.Select(section => section.ToIds()), read.Sections.Select(section => section.ToIds()));
        Assert.Equal(["verse", "chorus"], read.Sections.Select(section => section.Tag));
        Assert.DoesNotContain("Frames", json, StringComparison.Ordinal);
    }
}
