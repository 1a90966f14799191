using System.Text.Json;
using Xunit;
using Yue.Engine.Families.Yue2.Stages;
using Yue.Engine.Llama;
using Yue.Engine.Sampling;
using Yue.Engine.Songs;
using Yue.Testing;

namespace Yue.Engine.Tests.Yue2;

[Trait("Category", Yue2Goldens.Category)]
public sealed class StageWriterTests(Yue2Models models) : IClassFixture<Yue2Models>
{
    /// <summary>The minimum distance of a draw from the boundary between two ids. If a draw is closer, rounding may select either
    /// id.</summary>
    private const double MinMargin = 3e-5;

    private const double ProbabilityTolerance = 1e-5;
    private const int Listed = 64;

    private static readonly string File = Yue2Goldens.PathOf("sampling", "runs.json");

    public static TheoryData<string> Runs() =>
        [.. Yue2Json.Read(File).EnumerateArray().Select(run => run.GetProperty("name").GetString()!)];

    [Theory]
    [MemberData(nameof(Runs))]
    public void Every_step_of_a_golden_run_equals_the_reference(string name)
    {
        var run = Yue2Json.Read(File).EnumerateArray().Single(entry => entry.GetProperty("name").GetString() == name);
        var emitted = Yue2Json.Ids(run, "emitted");
        var uniforms = run.GetProperty("uniforms").EnumerateArray().Select(number => number.GetDouble()).ToArray();
        var margins = run.GetProperty("draw_margins").EnumerateArray().Select(number => number.GetDouble()).ToArray();
        var steps = run.GetProperty("steps").EnumerateArray().ToArray();
        var model = models.Language;
        using var writer = WriterOf(model, run);
        var different = 0;
        for (var step = 0; step < emitted.Length; step++)
        {
            var distribution = writer.Next();
            if (margins.Length == 0)
            {
                Assert.Equal(emitted[step], distribution.Ids[0]);
            }
            else
            {
                different += CompareStep(steps[step], distribution, $"{name} step {step}") ? 0 : 1;
                var isSafe = margins[step] > MinMargin;
                Assert.True(!isSafe || emitted[step] == DrawInAscendingOrder(distribution, uniforms[step]), $"{name} draw {step}");
            }

            writer.Append(emitted[step]);
        }

        Assert.True(different <= 2, $"steps that did not keep the same ids as the reference: {different}");
        Assert.Equal(Yue2Json.Ids(run, "tokens"), writer.Tokens);
        Assert.Equal(run.GetProperty("truncated").GetBoolean(), writer.IsTruncated);
        Assert.NotEqual(writer.IsTruncated, writer.IsComplete);
        Assert.Throws<InvalidOperationException>(() => writer.Append(emitted[0]));
    }

    [Fact]
    public void The_same_seed_gives_the_same_ids_and_another_seed_gives_different_ids()
    {
        var model = models.Language;
        int[] Write(long seed)
        {
            using var writer = Read(new StageWriter(
                model, new StageOrder(StageIds.Music, StageSampling.Music with { MaxTokens = 200 }, [151643, 151851], seed)));
            for (var i = 0; i < 8; i++)
            {
                writer.Write();
            }

            return [.. writer.Tokens];
        }

        var first = Write(1);
        Assert.Equal(first, Write(1));
        Assert.NotEqual(first, Write(2));
    }

    [Fact]
    public void A_stage_that_cannot_fit_into_the_context_is_refused()
    {
        var model = models.Language;
        var context = model.Config.MaxPositions;
        using var decoder = new TorchStageDecoder(model);
        var refused = Assert.Throws<SongRequestException>(() => decoder.TryOpen(
            new StageOrder(StageIds.Score, StageSampling.Score with { MaxTokens = context }, [151643], Seed: 1)));
        Assert.Contains($"{context}", refused.Message, StringComparison.Ordinal);
    }

    private static StageWriter WriterOf(LlamaModel model, JsonElement run)
    {
        var negative = Yue2Json.Ids(run, "negative");
        return Read(new StageWriter(model, new StageOrder(
            run.GetProperty("phase").GetString() == "abc" ? StageIds.Score : StageIds.Music,
            Yue2Json.Sampling(run.GetProperty("sampling"), StageSampling.Music),
            Yue2Json.Ids(run, "prefix"),
            Seed: 0)
        {
            Guidance = negative.Length == 0 ? null : new StageGuidance(negative, run.GetProperty("cfg_scale").GetDouble()),
            HasPlan = !run.GetProperty("off").GetBoolean(),
        }));
    }

    private static StageWriter Read(StageWriter writer)
    {
        while (writer.Unread > 0)
        {
            writer.Read();
        }

        return writer;
    }

    /// <summary>Returns true if the same ids are kept in the same order. In this case, also compares their probabilities. Fails if more
    /// than one id differs.</summary>
    private static bool CompareStep(JsonElement expected, Distribution actual, string what)
    {
        var probabilities = new Dictionary<int, float>();
        for (var i = 0; i < actual.Ids.Length; i++)
        {
            probabilities.Add(actual.Ids[i], actual.Probabilities[i]);
        }

        var ids = Yue2Json.Ids(expected, "ids");
        var known = ids.Zip(Yue2Json.Floats(expected, "probs")).Where(pair => probabilities.ContainsKey(pair.First)).ToArray();
        Assert.True(known.Length >= ids.Length - 1, $"{what}: {ids.Length - known.Length} ids are not kept");
        Assert.True(
            Math.Abs(expected.GetProperty("kept").GetInt32() - actual.Ids.Length) <= 1,
            $"{what}: {actual.Ids.Length} ids are kept, expected {expected.GetProperty("kept")}");
        var isEqual = expected.GetProperty("kept").GetInt32() == actual.Ids.Length
            && ids.AsSpan().SequenceEqual(actual.Ids[..Math.Min(Listed, actual.Ids.Length)]);
        if (isEqual)
        {
            TensorAssert.Close(
                [.. known.Select(pair => pair.Second)], [.. known.Select(pair => probabilities[pair.First])], ProbabilityTolerance, what);
        }

        return isEqual;
    }

    /// <summary>Draws as the goldens do: returns the first id, in ascending order, whose cumulative probability exceeds the uniform
    /// number.</summary>
    private static int DrawInAscendingOrder(Distribution distribution, double uniform)
    {
        var (ids, probabilities) = (distribution.Ids.ToArray(), distribution.Probabilities.ToArray());
        Array.Sort(ids, probabilities);
        var (left, at) = (uniform * probabilities.Sum(probability => (double)probability), 0);
        while (at < ids.Length - 1 && left >= probabilities[at])
        {
            left -= probabilities[at++];
        }

        return ids[at];
    }
}
