using Xunit;
using Yue.Engine.Families.Yue2;
using Yue.Engine.Songs;
using Yue.Testing;

namespace Yue.Engine.Tests.Yue2;

[Trait("Category", Yue2Goldens.Category)]
public sealed class SongScriptTests
{
    [Theory]
    [InlineData("\r\n")]
    [InlineData("\r")]
    public void The_kind_of_line_break_does_not_change_the_prompts(string lineBreak)
    {
        const string Score = "X:1\nK:C\nCDEF|\n";
        var request = new SongRequest { Lyrics = "[Verse]\nLa la\n\n[Chorus]\nOh\n", Genre = "pop", Score = Score };
        var other = request with
        {
            Lyrics = request.Lyrics.Replace("\n", lineBreak, StringComparison.Ordinal),
            Score = Score.Replace("\n", lineBreak, StringComparison.Ordinal),
        };
        var (expected, music) = (ScriptOf(request).Music(written: null), ScriptOf(other).Music(written: null));
        Assert.Equal(expected.Order.Prompt, music.Order.Prompt);
        Assert.Equal(Score, music.Score);
        Assert.Equal(ScriptOf(request with { Score = null }).Score().Prompt, ScriptOf(other with { Score = null }).Score().Prompt);
    }

    private static SongScript ScriptOf(SongRequest request) => new(request, Yue2Tokenizer.Real, context: 16_384);
}
