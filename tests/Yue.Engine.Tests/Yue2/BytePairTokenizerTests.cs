using System.Text.Json;
using Xunit;
using Yue.Engine.Families.Yue2.Text;
using Yue.Engine.Families.Yue2.Tokens;
using Yue.Engine.Weights;
using Yue.Testing;

namespace Yue.Engine.Tests.Yue2;

public sealed class BytePairTokenizerTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("yue2-tokenizer-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    [Trait("Category", Yue2Goldens.Category)]
    public void Every_golden_text_encodes_to_the_ids_of_the_reference() =>
        Assert.All(Cases("encode"), expected => Assert.Equal(
            Yue2Json.Ids(expected, "ids"), Yue2Tokenizer.Real.Encode(expected.GetProperty("text").GetString()!)));

    [Fact]
    [Trait("Category", Yue2Goldens.Category)]
    public void Every_golden_id_sequence_decodes_to_the_text_of_the_reference() =>
        Assert.All(Cases("decode"), expected => Assert.Equal(
            expected.GetProperty("text").GetString(), Yue2Tokenizer.Real.Decode(Yue2Json.Ids(expected, "ids"))));

    [Theory]
    [Trait("Category", Yue2Goldens.Category)]
    [InlineData("a")]
    [InlineData("aaaaah ooooh  ")]
    [InlineData("   ")]
    [InlineData("밤夜🎵")]
    [InlineData("<<<<")]
    public async Task The_longest_text_is_encoded_in_time(string unit)
    {
        // The maximum number of characters in a request's lyrics and genre together.
        const int Characters = 21_000;
        var text = string.Concat(Enumerable.Repeat(unit, Characters / unit.Length));
        var ids = await Task.Run(() => Yue2Tokenizer.Real.Encode(text)).InTime();
        Assert.Equal(text, Yue2Tokenizer.Real.Decode(ids));
    }

    [Fact]
    [Trait("Category", Yue2Goldens.Category)]
    public void Half_of_a_surrogate_pair_is_encoded_as_the_replacement_character() =>
        Assert.Equal(Yue2Tokenizer.Real.Encode("a\uFFFDb \uFFFD"), Yue2Tokenizer.Real.Encode("a\uD800b \uDC00"));

    [Theory]
    [Trait("Category", Yue2Goldens.Category)]
    [InlineData("<|endoftext|>")]
    [InlineData("<abc></abc>")]
    public void Names_of_control_tokens_are_encoded_as_text(string text) =>
        Assert.All(Yue2Tokenizer.Real.Encode(text), id => Assert.True(TokenIds.IsText(id)));

    [Fact]
    public void A_missing_table_is_named_in_the_error() => Assert.Contains(
        BytePairTokenizer.FileName,
        Assert.Throws<CheckpointException>(() => BytePairTokenizer.Load(_folder)).Message,
        StringComparison.Ordinal);

    [Theory]
    [InlineData("YQ== 0\n", "the number of tokens is 1,")]
    [InlineData("YQ== 1\n", "line 1")]
    [InlineData("YQ== 0\nYg==\n", "line 2")]
    [InlineData("YQ== 0\n?? 1\n", "line 2")]
    [InlineData("YQ== 0x\n", "line 1")]
    public void A_table_that_is_not_the_vocabulary_is_refused(string table, string named)
    {
        File.WriteAllText(Path.Combine(_folder, BytePairTokenizer.FileName), table);
        Assert.Contains(
            named, Assert.Throws<CheckpointException>(() => BytePairTokenizer.Load(_folder)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("I'm we'LL 'sit", "I", "'m", " we", "'LL", " '", "sit")]
    [InlineData("it'\u017F", "it", "'\u017F")]
    [InlineData("88 BPM", "8", "8", " BPM")]
    [InlineData("a  b", "a", " ", " b")]
    [InlineData("a \n\n  b", "a", " \n\n", " ", " b")]
    [InlineData("end  ", "end", "  ")]
    [InlineData("x!\r\n\ny", "x", "!\r\n\n", "y")]
    [InlineData(" [Verse]\n", " [", "Verse", "]\n")]
    [InlineData("\u3000𝐀𝐁 🎵🎶", "\u3000𝐀𝐁", " 🎵🎶")]
    [InlineData("a\u001Cb\u0085c", "a", "\u001Cb", "\u0085c")]
    public void Text_is_split_by_the_pattern_of_the_reference(string text, params string[] pieces) =>
        Assert.Equal(pieces, new PieceCutter().PreTokenize(text).Select(piece => text.Substring(piece.Offset, piece.Length)));

    private static JsonElement[] Cases(string kind)
    {
        var cases = Yue2Json.Read(Path.Combine(Yue2Goldens.TokenizerFolder, "cases.json")).GetProperty(kind).EnumerateArray().ToArray();
        Assert.NotEmpty(cases);
        return cases;
    }
}
