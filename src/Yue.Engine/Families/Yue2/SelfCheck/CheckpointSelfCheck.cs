using Yue.Engine.Families.Yue2.Backbone;
using Yue.Engine.Families.Yue2.Stages;
using Yue.Engine.Families.Yue2.Text;
using Yue.Engine.Llama;
using Yue.Engine.Songs;
using Yue.Engine.Weights;
using static TorchSharp.torch;

namespace Yue.Engine.Families.Yue2.SelfCheck;

/// <summary>Recomputes published figures with a YuE 2 checkpoint, in float32 on the CPU, and compares the results with them
/// (docs/model-yue2.md 9).</summary>
/// <param name="folder">The checkpoint's folder.</param>
/// <param name="figures">The figures.</param>
public sealed class CheckpointSelfCheck(string folder, PublishedFigures figures)
{
    // The smallest difference between the two best logits of a step is 0.012.
    private const double LogitTolerance = 5e-3;
    private const double GuidanceScale = 1.01;

    /// <summary>Returns the comparisons of all figures. Each one is computed when it is enumerated. If the tokenizer or the model cannot be
    /// loaded, the last line gives the reason.</summary>
    public IEnumerable<SelfCheckLine> Run()
    {
        var (tokenizer, fault) = Try(() => BytePairTokenizer.Load(folder));
        if (tokenizer is null)
        {
            yield return new("tokenizer", false, $"cannot be loaded: {fault}");
            yield break;
        }

        var prompts = new SongPrompts(tokenizer, ScorePlan.Full, figures.Style, figures.Lyrics);
        yield return SelfCheckLine.Equal("tokenizer: prompt for the score", figures.ScorePrompt, prompts.ForScore());
        (var model, fault) = Try(Load);
        if (model is null)
        {
            yield return new("language model", false, $"cannot be loaded: {fault}");
            yield break;
        }

        using (model)
        {
            var off = new SongPrompts(tokenizer, ScorePlan.Off, figures.Style, figures.Lyrics);
            var (score, music) = (Greedy(StageSampling.Score), Greedy(StageSampling.Music));
            StageOrder[] orders =
            [
                new(StageIds.Score, score, prompts.ForScore(), Seed: 0),
                new(StageIds.Music, music, prompts.ForMusic(figures.Score.Tokens), Seed: 0),
                new(StageIds.Music, music, off.ForMusic([]), Seed: 0)
                {
                    Guidance = new StageGuidance(off.ForGuidance([]), GuidanceScale),
                    HasPlan = false,
                },
            ];
            foreach (var line in Lines(model, orders[0], "score", figures.Score)
                .Concat(Lines(model, orders[1], "music after the score", figures.Music))
                .Concat(Lines(model, orders[2], "music without a score", figures.MusicWithoutScore)))
            {
                yield return line;
            }
        }
    }

    private static IEnumerable<SelfCheckLine> Lines(LlamaModel model, StageOrder order, string name, StageFigure published)
    {
        using var writer = new StageWriter(model, order);
        while (writer.Unread > 0)
        {
            writer.Read();
        }

        var scored = order.Ids.Scored;
        var logits = writer.Logits();
        yield return SelfCheckLine.Close(
            $"{name}: best logits of the first step",
            LogitTolerance,
            published.TopLogits,
            [.. published.TopIds.Select(id => logits[id - scored.First])]);
        while (writer.Tokens.Count < published.Tokens.Length)
        {
            writer.Write();
        }

        yield return SelfCheckLine.Equal($"{name}: best ids", published.Tokens, [.. writer.Tokens]);
    }

    /// <summary>Returns settings that choose the best id in every step and exclude the id that ends the stage.</summary>
    private static StageSampling Greedy(StageSampling sampling) => sampling with { Temperature = 0, MinTokens = sampling.MaxTokens };

    private LlamaModel Load()
    {
        var config = Yue2Config.Load(folder).Language;
        using var checkpoint = SafetensorsCheckpoint.Open(folder);
        return new LlamaModel(config, LlamaWeights.Load(config, new CheckpointTensors(checkpoint, ScalarType.Float32)));
    }

    private static (T? Value, string? Fault) Try<T>(Func<T> load)
        where T : class
    {
        try
        {
            return (load(), null);
        }
        catch (CheckpointException error)
        {
            return (null, error.Message);
        }
    }
}
