using System.Text.Json;
using CsCheck;
using Xunit;
using Yue.Engine.Families.Yue1.Text;
using Yue.Engine.Families.Yue1.Tokens;
using Yue.Engine.Weights;
using Yue.Testing;

namespace Yue.Engine.Tests.Text;

public sealed class YueTokenizerTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("yue-tokenizer-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    [Trait("Category", Goldens.Category)]
    public void Every_golden_text_encodes_to_the_ids_of_the_reference()
    {
        var tokenizer = RealTokenizer.Instance;
        using var golden = Read("cases.json");
        var cases = golden.RootElement.GetProperty("cases").EnumerateArray().ToList();
        Assert.NotEmpty(cases);
        Assert.All(cases, expected => Assert.Equal(
            expected.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()),
            tokenizer.EncodeTemplate(expected.GetProperty("text").GetString()!)));
    }

    [Fact]
    [Trait("Category", Goldens.Category)]
    public void The_control_tokens_of_the_reference_match_the_token_map()
    {
        using var golden = Read("cases.json");
        Assert.Equal(
            golden.RootElement.GetProperty("special").EnumerateObject().Select(entry => (entry.Name, entry.Value.GetInt32())).Order(),
            TokenMap.RecognizedInText.Select(entry => (entry.Key, entry.Value)).Order());
        Assert.Equal(TokenMap.Count, golden.RootElement.GetProperty("vocab_size").GetInt32());
    }

    [Theory]
    [Trait("Category", Goldens.Category)]
    [InlineData("a")]
    [InlineData("aaaaah ooooh  ")]
    [InlineData("   ")]
    [InlineData("밤夜🎵")]
    [InlineData("<<<<")]
    public async Task Text_of_any_length_is_encoded_in_linear_time(string unit)
    {
        // Quadratic work on this many characters takes longer than the test waits.
        const int Characters = 1_000_000;
        var text = string.Concat(Enumerable.Repeat(unit, Characters / unit.Length));
        Assert.NotEmpty(await Task.Run(() => RealTokenizer.Instance.EncodeTemplate(text)).InTime());
    }

    /// <summary>The models have few letters and few scores, so ties, overlaps, and scores that rise with a merge are common.</summary>
    [Fact]
    public void Any_model_encodes_any_text_by_the_definition_of_BPE()
    {
        var genPiece = Gen.Select(Gen.Char["ab▁é"].Array[1, 4], Gen.Int[-3, 0]);
        var genModel = genPiece.Array[1, 20].Select(pieces => new TinySentencePiece(
            [.. pieces.Select(piece => (Name: new string(piece.Item1), Score: (float)piece.Item2)).DistinctBy(piece => piece.Name)]));
        var genText = Gen.OneOf<char>(Gen.Char["ab é"], Gen.Const('光')).Array[0, 24].Select(text => new string(text));
        Gen.Select(genModel, genText.Array[8]).Sample(
            (model, texts) =>
            {
                var tokenizer = Load(model.ToBytes());
                Assert.All(texts, text => Assert.Equal(model.EncodeByDefinition(text), tokenizer.EncodeText(text)));
            }, iter: 150, threads: 1);
    }

    [Fact]
    public void Merges_with_equal_scores_are_made_from_left_to_right()
    {
        var model = new TinySentencePiece([("▁", -9), ("a", -9), ("aa", -1)]);
        var ids = Load(model.ToBytes()).EncodeText("aaaaa");
        Assert.Equal([259, 261, 261, 260], ids);
    }

    [Fact]
    public void Text_between_control_tokens_is_encoded_separately()
    {
        var tokenizer = Load(new TinySentencePiece([("▁", -9), ("a", -9), ("▁a", -1)]).ToBytes());
        Assert.Equal(
            [261, TokenMap.StartOfAudio, 261, TokenMap.EndOfAudio, TokenMap.BeginOfText], tokenizer.EncodeTemplate("a<SOA>a<EOA><s>"));
        Assert.Equal([], tokenizer.EncodeTemplate(""));
    }

    [Fact]
    public void EncodeText_encodes_the_names_of_control_tokens_as_words() =>
        Assert.All(TokenMap.ControlTokens.Keys,
            name => Assert.All(
                Load(new TinySentencePiece([("▁", -9)]).ToBytes()).EncodeText(name), id => Assert.True(TokenMap.IsText(id))));

    [Fact]
    public void A_piece_named_like_a_control_token_cannot_be_reached_from_text()
    {
        // The vocabulary contains every merge step toward the names of the control pieces, with the best scores.
        var model = new TinySentencePiece([("<s", 5), ("</", 5), ("</s", 5), ("s>", 5)]);
        Assert.All(Load(model.ToBytes()).EncodeText("<s></s>"), id => Assert.True(TokenMap.IsText(id)));
    }

    [Fact]
    public void A_lone_surrogate_is_encoded_as_the_replacement_character()
    {
        var tokenizer = Load(new TinySentencePiece([("▁", -9), ("a", -9)]).ToBytes());
        Assert.Equal(tokenizer.EncodeText("a\uFFFDa\uFFFD\uFFFD"), tokenizer.EncodeText("a\uD800a\uDC00\uD800"));
    }

    [Fact]
    public void A_run_of_unknown_characters_is_one_piece_without_byte_fallback()
    {
        var model = new TinySentencePiece([("▁", -9), ("a", -9)]) { ByteFallback = false };
        Assert.Equal([259, 260, 0, 260, 0], Load(model.ToBytes()).EncodeText("a夜空a光"));
    }

    [Fact]
    public void A_missing_file_is_named_in_the_error() =>
        Assert.Contains(
            "none.model", Assert.Throws<CheckpointException>(() => YueTokenizer.Load(Path.Combine(_folder, "none.model"))).Message,
            StringComparison.Ordinal);

    [Fact]
    public void A_unigram_model_is_refused() => Refused(new TinySentencePiece([("a", 0)]) { ModelType = 1 }, "BPE");

    [Fact]
    public void A_model_without_its_byte_pieces_is_refused() =>
        Refused(new TinySentencePiece([("a", 0)]) { FirstByteName = "zero" }, "<0x00>");

    [Fact]
    public void A_piece_of_an_unsupported_kind_is_named_in_the_error() =>
        Refused(new TinySentencePiece([("lala", 0)]) { KindOfPieces = TinySentencePiece.Unused }, "lala");

    [Fact]
    public void A_piece_that_occurs_twice_is_refused() => Refused(new TinySentencePiece([("a", 0), ("a", 0)]), "SentencePiece");

    [Fact]
    public void Bytes_that_are_not_a_model_cause_a_checkpoint_error()
    {
        var model = new TinySentencePiece([("a", 0)]).ToBytes();
        Assert.Throws<CheckpointException>(() => Load([]));
        Assert.Throws<CheckpointException>(() => Load("version https://git-lfs.github.com/spec/v1"u8.ToArray()));
        Assert.All(Enumerable.Range(0, 40), part => Assert.Throws<CheckpointException>(() => Load(model[..(model.Length * part / 40)])));
        Gen.Byte.Array.Sample(bytes => Assert.Throws<CheckpointException>(() => Load(bytes)), threads: 1);
    }

    private void Refused(TinySentencePiece model, string named) =>
        Assert.Contains(named, Assert.Throws<CheckpointException>(() => Load(model.ToBytes())).Message, StringComparison.Ordinal);

    private YueTokenizer Load(byte[] model)
    {
        var file = Path.Combine(_folder, "tokenizer.model");
        File.WriteAllBytes(file, model);
        return YueTokenizer.Load(file);
    }

    private static JsonDocument Read(string file) => JsonDocument.Parse(File.ReadAllBytes(Goldens.PathOf("tokenizer", file)));
}
