using Xunit;
using Yue.Engine.Families.Yue2.Flow;
using Yue.Engine.Families.Yue2.Stages;
using Yue.Engine.Families.Yue2.Text;
using Yue.Engine.Families.Yue2.Vae;
using Yue.Engine.Songs;
using Yue.Engine.Weights;
using Yue.Testing;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.Yue2;

/// <summary>Tests the steps of YuE 2 one after the other, from style and lyrics to sound.</summary>
[Trait("Category", Yue2Goldens.Category)]
public sealed class WholeSongTests(Yue2Models models) : IClassFixture<Yue2Models>
{
    private const int Frames = 6;

    [Theory]
    [InlineData(ScorePlan.Full)]
    [InlineData(ScorePlan.Melody)]
    [InlineData(ScorePlan.Off)]
    public void A_song_is_as_long_as_its_music_and_the_same_for_the_same_seed(ScorePlan plan)
    {
        var first = Sing(plan, seed: 1);
        Assert.Equal((1920 * Frames) - 64, first.Length / 2);
        Assert.Equal(first, Sing(plan, seed: 1));
        Assert.NotEqual(first, Sing(plan, seed: 2));
    }

    private float[] Sing(ScorePlan plan, long seed)
    {
        using var scope = NewDisposeScope();
        var prompts = new SongPrompts(Yue2Tokenizer.Real, plan, "folk, fiddle", "[Verse]\nla la\n");
        var hasPlan = plan != ScorePlan.Off;
        var score = hasPlan
            ? Write(new StageOrder(StageIds.Score, Short(StageSampling.Score, 10), prompts.ForScore(), seed))
            : [];
        var music = Write(new StageOrder(StageIds.Music, Short(StageSampling.Music, Frames), prompts.ForMusic(score), seed)
        {
            Guidance = hasPlan ? null : new StageGuidance(prompts.ForGuidance(score), 1.01),
            HasPlan = hasPlan,
        });
        var size = Yue2Models.Config.LatentSize;
        var noise = tensor(FlowNoise.Draw(seed, music.Length * size)).view(music.Length, size);
        using var flow = new FlowSong(
            models.Flow, prompts.ForMusic(score), music, noise, models.Language.Config.MaxPositions, steps: 2);
        while (!flow.IsDone)
        {
            flow.Advance();
        }

        var latents = flow.Latents();
        using var decoder = LoadDecoder();
        return cat([.. VaeTiles.Decode(decoder, latents)], 1).contiguous().data<float>().ToArray();
    }

    /// <summary>Returns settings for a stage that writes exactly the given number of ids.</summary>
    private static StageSampling Short(StageSampling sampling, int tokens) =>
        sampling with { MinTokens = tokens, MaxTokens = tokens };

    private int[] Write(StageOrder order)
    {
        using var writer = new StageWriter(models.Language, order);
        while (writer.Unread > 0)
        {
            writer.Read();
        }

        while (!writer.IsComplete && !writer.IsTruncated)
        {
            writer.Write();
        }

        return [.. writer.Tokens];
    }

    private static VaeDecoder LoadDecoder()
    {
        var folder = Yue2Goldens.PathOf("YuE2-Vae");
        using var checkpoint = SafetensorsCheckpoint.Open(folder);
        return new VaeDecoder(VaeConfig.Load(folder), new CheckpointTensors(checkpoint, ScalarType.Float32));
    }
}
