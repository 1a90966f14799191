using CsCheck;
using Microsoft.ML.Tokenizers;
using Xunit;
using Yue.Engine.Families.Yue1.Demo;
using Yue.Testing;

namespace Yue.Engine.Tests.Demo;

public sealed class DemoTokenizerTests
{
    private const int FirstControlToken = 32000;

    private readonly SentencePieceTokenizer _tokenizer;

    public DemoTokenizerTests()
    {
        using var model = File.OpenRead(Path.Combine(DemoModel.Folders.Stage1, "tokenizer.model"));
        _tokenizer = SentencePieceTokenizer.Create(model, addBeginningOfSentence: false, addEndOfSentence: false);
    }

    [Fact]
    public void The_control_tokens_have_the_ids_of_the_real_tokenizer()
    {
        Assert.Equal(
            ("<unk>", "<s>", "</s>"), (_tokenizer.UnknownToken, _tokenizer.BeginningOfSentenceToken, _tokenizer.EndOfSentenceToken));
        Assert.Equal((0, 1, 2), (_tokenizer.UnknownId, _tokenizer.BeginningOfSentenceId, _tokenizer.EndOfSentenceId));
    }

    [Theory]
    [InlineData("sunset", "▁ su n se t")]
    [InlineData("sea shore", "▁ sea ▁ sho re")]
    [InlineData("Queen", "▁ Q u ee n")]
    public void A_piece_has_at_most_one_vowel_and_the_consonants_before_it(string text, string pieces) =>
        Assert.Equal(pieces.Split(' '), _tokenizer.EncodeToTokens(text, out _).Select(token => token.Value));

    [Theory]
    [InlineData("\n", 2)]
    [InlineData("é", 3)]
    public void A_character_without_a_piece_becomes_byte_tokens(string text, int pieces) =>
        Assert.Equal(pieces, _tokenizer.EncodeToIds(text).Count);

    [Fact]
    public void Any_text_gets_ids_below_the_control_tokens_and_decodes_to_itself() =>
        Gen.OneOf(Gen.String, Gen.String[Gen.Char[" \n[]love歌é"], 0, 40]).Where(text => IsWellFormed(text)).Sample(
            text =>
            {
                var ids = _tokenizer.EncodeToIds(text);
                Assert.All(ids, id => Assert.InRange(id, 3, FirstControlToken - 1));
                Assert.Equal(text, _tokenizer.Decode(ids));
            },
            iter: 500,
            threads: 1);

    [Fact]
    [Trait("Category", Goldens.Category)]
    public void The_demo_tokenizer_is_not_the_real_one()
    {
        using var model = File.OpenRead(Goldens.PathOf("tokenizer", "tokenizer.model"));
        var real = SentencePieceTokenizer.Create(model, addBeginningOfSentence: false, addEndOfSentence: false);
        Assert.InRange(_tokenizer.Vocabulary.Count, 300, 5000);
        Assert.NotEqual(real.EncodeToIds("love"), _tokenizer.EncodeToIds("love"));
    }

    private static bool IsWellFormed(string text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '\u2581'
                || (char.IsSurrogate(text[i]) && !(char.IsHighSurrogate(text[i]) && ++i < text.Length && char.IsLowSurrogate(text[i]))))
            {
                return false;
            }
        }

        return true;
    }
}
