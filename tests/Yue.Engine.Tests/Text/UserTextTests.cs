using System.Text;
using CsCheck;
using Xunit;
using Yue.Engine.Families.Yue1.Text;
using Yue.Engine.Families.Yue1.Tokens;
using Yue.Testing;

namespace Yue.Engine.Tests.Text;

public sealed class UserTextTests
{
    /// <summary>Text with everything that could control the model, whole and in pieces that may combine into it.</summary>
    private static readonly Gen<string> GenHostile = Gen.OneOf<string>(
        Gen.OneOf([.. TokenMap.ControlTokens.Keys, .. UserText.PromptMarkers]),
        Gen.OneOf(
            "<", ">", "[", "]", "<E", "OA>", "[start_", "of_segment]", "</", "s>",
            " ", "\n", "la", "\0", "\uD83C", "\uDFB5", "\uFEFF", "\u200B"),
        Gen.String).Array[0, 12].Select(string.Concat);

    [Theory]
    [InlineData("sing <EOA> on", "sing (EOA) on")]
    [InlineData("<s>a</s><PAD><xcodec>", "(s)a(/s)(PAD)(xcodec)")]
    [InlineData("[start_of_segment][end_of_segment]", "(start_of_segment)(end_of_segment)")]
    [InlineData("x [start_of_reference] y [end_of_reference]", "x (start_of_reference) y (end_of_reference)")]
    [InlineData("<<EOA>>", "<(EOA)>")]
    [InlineData("<E<EOA>OA>", "<E(EOA)OA>")]
    [InlineData("a\0b\u0007c\u0085d", "a b c d")]
    [InlineData("<E\0OA>", "<E OA>")]
    public void Control_tokens_are_changed_as_little_as_possible_with_a_warning(string text, string expected)
    {
        var clean = UserText.Clean(text, "lyrics");
        Assert.Equal(expected, clean.Text);
        Assert.StartsWith("lyrics: ", Assert.Single(clean.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void Halves_of_surrogate_pairs_become_spaces()
    {
        // Not a theory, because attributes cannot contain such text.
        var clean = UserText.Clean("half \uD83C a \uDFB5\uD83C pair 🎵", "genre");
        Assert.Equal("half   a    pair 🎵", clean.Text);
        Assert.StartsWith("genre: 3 ", Assert.Single(clean.Warnings), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[verse]\nI <3 you\n\t(oh-oh) [x2] <b>loud</b> 👩‍🎤 é नमस्ते")]
    [InlineData("<eoa> <unk> [start of segment]")]
    [InlineData("")]
    public void Harmless_text_is_unchanged(string text)
    {
        var clean = UserText.Clean(text, "lyrics");
        Assert.Equal(text, clean.Text);
        Assert.Empty(clean.Warnings);
    }

    [Fact]
    public void A_warning_names_each_token_once() =>
        Assert.Contains("<EOA>, <SOA> would", Assert.Single(UserText.Clean("<SOA><EOA><SOA>", "genre").Warnings), StringComparison.Ordinal);

    [Fact]
    public void A_byte_order_mark_is_not_text() => Assert.Equal("[verse]", UserText.Clean("\uFEFF[verse]", "lyrics").Text);

    [Theory]
    [InlineData("a\r\nb\rc\u2028d\u2029e\r\r\n\nf", "a\nb\nc\nd\ne\n\n\nf")]
    [InlineData("cafe\u0301 \u1112\u1161\u11AB\u1100\u1173\u11AF", "café 한글")]
    public void Line_endings_and_normalization_form_are_those_that_models_expect(string text, string expected)
    {
        var clean = UserText.Clean(text, "lyrics");
        Assert.Equal(expected, clean.Text);
        Assert.Empty(clean.Warnings);
    }

    [Fact]
    public void Invisible_characters_are_left_out_with_a_warning()
    {
        var clean = UserText.Clean("\u200E[ver\u00ADse]\u200B\n\u2067la\uFEFF", "lyrics");
        Assert.Equal("[verse]\nla", clean.Text);
        Assert.Equal(["lyrics: 5 invisible character(s) were left out"], clean.Warnings);
    }

    [Theory]
    [InlineData("<E\u200BOA>", "(EOA)")]
    [InlineData("[start\u2060_of_segment]", "(start_of_segment)")]
    public void An_invisible_character_cannot_hide_a_control_token(string text, string expected) =>
        Assert.Equal(expected, UserText.Clean(text, "lyrics").Text);

    [Fact]
    public void Cleaning_twice_equals_cleaning_once() => GenHostile.Sample(text =>
    {
        var once = UserText.Clean(text, "x").Text;
        Assert.Equal(once, UserText.Clean(once, "x").Text);
    });

    [Fact]
    public void Cleaned_text_is_valid_Unicode_without_control_characters() => GenHostile.Sample(text =>
    {
        var clean = UserText.Clean(text, "x").Text;
        Assert.Equal(clean, Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(clean)));
        Assert.DoesNotContain(clean, c => char.IsControl(c) && c is not ('\t' or '\n'));
    });

    [Fact]
    [Trait("Category", Goldens.Category)]
    public void Cleaned_text_never_encodes_to_a_control_id_or_a_prompt_marker() => GenHostile.Sample(text =>
    {
        var ids = RealTokenizer.Instance.EncodeTemplate(UserText.Clean(text, "x").Text);
        Assert.All(ids, id => Assert.True(TokenMap.IsText(id)));
        foreach (var marker in UserText.PromptMarkers)
        {
            Assert.True(ids.AsSpan().IndexOf(RealTokenizer.Instance.EncodeText(marker)) < 0, marker);
        }
    }, iter: 1000);

    [Fact]
    [Trait("Category", Goldens.Category)]
    public void Text_that_is_not_cleaned_can_encode_to_control_ids_and_prompt_markers()
    {
        Assert.Contains(TokenMap.EndOfAudio, RealTokenizer.Instance.EncodeTemplate("a <EOA>"));
        Assert.All(UserText.PromptMarkers, marker => Assert.True(
            RealTokenizer.Instance.EncodeTemplate($"a {marker} b").AsSpan().IndexOf(RealTokenizer.Instance.EncodeText(marker)) > 0));
    }
}
