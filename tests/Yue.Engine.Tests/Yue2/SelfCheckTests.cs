using System.Text.Json.Nodes;
using Xunit;
using Yue.Engine.Families.Yue2.SelfCheck;
using Yue.Engine.Families.Yue2.Stages;
using Yue.Engine.Families.Yue2.Text;
using Yue.Engine.Songs;
using Yue.Engine.Weights;
using Yue.Testing;

namespace Yue.Engine.Tests.Yue2;

[Trait("Category", Yue2Goldens.Category)]
public sealed class SelfCheckTests(Yue2Models models) : IClassFixture<Yue2Models>
{
    private const int Tokens = 4;

    [Fact]
    public void The_prompt_of_the_published_figures_matches_the_published_tokenizer()
    {
        var figures = PublishedFigures.OfRealWeights();
        Assert.Equal(figures.ScorePrompt, new SongPrompts(Yue2Tokenizer.Real, ScorePlan.Full, figures.Style, figures.Lyrics).ForScore());
        Assert.Equal((32, 24, 24), (figures.Score.Tokens.Length, figures.Music.Tokens.Length, figures.MusicWithoutScore.Tokens.Length));
    }

    [Fact]
    public void Figures_of_this_checkpoint_agree_and_altered_ones_do_not()
    {
        using var folder = new TemporaryFolder();
        var (checkpoint, file, figures) = (Yue2Goldens.LanguageModelFolder, folder["figures.json"], Measured());
        File.WriteAllText(file, figures.ToJsonString());
        var lines = new CheckpointSelfCheck(checkpoint, PublishedFigures.Load(file)).Run().ToArray();
        Assert.Equal(7, lines.Length);
        Assert.All(lines, line => Assert.True(line.Agrees, $"{line.Name}: {line.Text}"));

        figures["music"]!["tokens"]![Tokens - 1] = 151853;
        figures["score"]!["top_logits"]![0] = 1e3;
        File.WriteAllText(file, figures.ToJsonString());
        var others = new CheckpointSelfCheck(checkpoint, PublishedFigures.Load(file)).Run().Where(line => !line.Agrees);
        Assert.Equal(["score: best logits of the first step", "music after the score: best ids"], others.Select(line => line.Name));
    }

    [Fact]
    public void A_checkpoint_that_cannot_be_read_is_reported_with_the_reason()
    {
        using var folder = new TemporaryFolder();
        var line = Assert.Single(new CheckpointSelfCheck(
            Path.GetDirectoryName(folder["config.json"])!, PublishedFigures.OfRealWeights()).Run());
        Assert.False(line.Agrees);
        Assert.Contains(BytePairTokenizer.FileName, line.Text, StringComparison.Ordinal);
        File.WriteAllText(folder["figures.json"], "{}");
        Assert.Throws<CheckpointException>(() => PublishedFigures.Load(folder["figures.json"]));
    }

    /// <summary>Returns the figures that the engine computes with the goldens' checkpoint.</summary>
    private JsonObject Measured()
    {
        const string Style = "folk", Lyrics = "[Verse]\nla\n";
        var (full, off) = (
            new SongPrompts(Yue2Tokenizer.Real, ScorePlan.Full, Style, Lyrics),
            new SongPrompts(Yue2Tokenizer.Real, ScorePlan.Off, Style, Lyrics));
        var score = Greedy(StageIds.Score, StageSampling.Score, full.ForScore());
        return new()
        {
            ["style"] = Style,
            ["lyrics"] = Lyrics,
            ["prefix"] = new JsonArray([.. full.ForScore().Select(id => (JsonNode)id)]),
            ["score"] = score.Figure,
            ["music"] = Greedy(StageIds.Music, StageSampling.Music, full.ForMusic(score.Ids)).Figure,
            ["music_without_score"] = Greedy(
                StageIds.Music, StageSampling.Music, off.ForMusic([]), new StageGuidance(off.ForGuidance([]), 1.01)).Figure,
        };
    }

    private (int[] Ids, JsonObject Figure) Greedy(StageIds ids, StageSampling sampling, int[] prompt, StageGuidance? guidance = null)
    {
        using var writer = new StageWriter(
            models.Language, new StageOrder(ids, sampling with { Temperature = 0 }, prompt, Seed: 0) { Guidance = guidance });
        while (writer.Unread > 0)
        {
            writer.Read();
        }

        var logit = writer.Logits()[0];
        while (writer.Tokens.Count < Tokens)
        {
            writer.Write();
        }

        return ([.. writer.Tokens], new()
        {
            ["tokens"] = new JsonArray([.. writer.Tokens.Select(id => (JsonNode)id)]),
            ["top_ids"] = new JsonArray(ids.Scored.First),
            ["top_logits"] = new JsonArray(logit),
        });
    }
}
