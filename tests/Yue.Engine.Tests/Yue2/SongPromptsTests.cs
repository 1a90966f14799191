using System.Text.Json;
using Xunit;
using Yue.Engine.Families.Yue2.Text;
using Yue.Engine.Families.Yue2.Tokens;
using Yue.Engine.Songs;
using Yue.Testing;

namespace Yue.Engine.Tests.Yue2;

[Trait("Category", Yue2Goldens.Category)]
public sealed class SongPromptsTests
{
    private static readonly JsonElement[] Cases =
        [.. Yue2Json.Read(Yue2Goldens.PathOf("prompts", "prompts.json")).GetProperty("cases").EnumerateArray()];

    [Fact]
    public void The_prompts_of_every_golden_request_equal_the_reference()
    {
        Assert.NotEmpty(Cases);
        Assert.All(Cases, expected =>
        {
            var request = expected.GetProperty("request");
            var (plan, prompts) = PromptsOf(request);
            var score = Yue2Json.Ids(expected, "abc_ids");
            var isScoreGiven = request.TryGetProperty("abc", out var abc);
            Assert.Equal(expected.GetProperty("text").GetString(), prompts.Text);
            Assert.Equal(
                Yue2Json.Ids(expected, "first_prefix"),
                plan == ScorePlan.Off || isScoreGiven ? prompts.ForMusic(score) : prompts.ForScore());
            Assert.Equal(Yue2Json.Ids(expected, "music_prefix"), prompts.ForMusic(score));
            Assert.Equal(Yue2Json.Ids(expected, "negative_prefix"), prompts.ForGuidance(score));
            if (isScoreGiven)
            {
                Assert.Equal(score, Yue2Tokenizer.Real.Encode(abc.GetString()!));
            }
        });
    }

    [Fact]
    public void Ids_that_are_not_text_are_refused_in_a_score()
    {
        var prompts = new SongPrompts(Yue2Tokenizer.Real, ScorePlan.Full, "pop", "la");
        Assert.Contains("151643", Assert.Throws<ArgumentException>(() => prompts.ForMusic([1, TokenIds.EndOfDocument])).Message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => prompts.ForGuidance([TokenIds.FirstCode]));
    }

    [Fact]
    public void A_song_without_a_plan_has_no_score()
    {
        var prompts = new SongPrompts(Yue2Tokenizer.Real, ScorePlan.Off, "pop", "la");
        Assert.Throws<InvalidOperationException>(prompts.ForScore);
        Assert.Throws<ArgumentException>(() => prompts.ForMusic([1]));
    }

    private static (ScorePlan Plan, SongPrompts Prompts) PromptsOf(JsonElement request)
    {
        var plan = request.TryGetProperty("cot", out var cot) ? Enum.Parse<ScorePlan>(cot.GetString()!, ignoreCase: true) : ScorePlan.Full;
        return (plan, new SongPrompts(
            Yue2Tokenizer.Real, plan, request.GetProperty("style").GetString()!, request.GetProperty("lyrics").GetString()!));
    }
}
