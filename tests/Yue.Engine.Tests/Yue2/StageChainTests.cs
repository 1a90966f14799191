using System.Text.Json;
using Xunit;
using Yue.Engine.Families.Yue2.Stages;
using Yue.Engine.Sampling;
using Yue.Testing;

namespace Yue.Engine.Tests.Yue2;

public sealed class StageChainTests
{
    /// <summary>The maximum number of ids that a golden lists per distribution.</summary>
    private const int Listed = 128;

    [Fact]
    [Trait("Category", Yue2Goldens.Category)]
    public void The_chain_equals_the_reference_on_every_golden_row()
    {
        var cases = Yue2Json.Read(Yue2Goldens.PathOf("sampling", "rows.json")).GetProperty("cases").EnumerateArray().ToArray();
        Assert.NotEmpty(cases);
        Assert.All(cases, CompareRow);
    }

    [Fact]
    [Trait("Category", Yue2Goldens.Category)]
    public void Draws_equal_those_of_the_reference_on_a_GPU()
    {
        var file = Yue2Json.Read(Yue2Goldens.PathOf("rng", "cuda_multinomial.json"));
        var sequences = file.GetProperty("sequences").EnumerateArray().ToArray();
        Assert.NotEmpty(sequences);
        Assert.All(sequences, sequence =>
        {
            var (ids, probabilities) = (Yue2Json.Ids(sequence, "ids"), Yue2Json.Floats(sequence, "probs"));
            var drawn = Yue2Json.Ids(sequence, "drawn");
            Assert.NotEmpty(drawn);
            Assert.Equal(drawn, Enumerable.Range(0, drawn.Length).Select(step => StageDraw.Draw(
                new Distribution(ids, probabilities), sequence.GetProperty("seed").GetInt64(), step)));
        });
    }

    [Fact]
    [Trait("Category", Yue2Goldens.Category)]
    public void Settings_that_the_reference_rejects_are_invalid()
    {
        var cases = Yue2Json.Read(Yue2Goldens.PathOf("prompts", "prompts.json")).GetProperty("validation").EnumerateArray()
            .Where(entry => entry.GetProperty("kind").GetString() == "sampling" && HasWholeCounts(entry.GetProperty("value"))).ToArray();
        Assert.NotEmpty(cases);
        Assert.All(cases, expected => Assert.Equal(
            expected.GetProperty("error").ValueKind == JsonValueKind.Null,
            Yue2Json.Sampling(expected.GetProperty("value"), StageSampling.Score).Fault() is null));
    }

    [Fact]
    public void An_error_names_the_value_and_its_bounds()
    {
        Assert.Equal(
            "penalty_window is 101, expected 1 to 100", (StageSampling.Music with { PenaltyWindow = 101 }).Fault());
        Assert.Equal(
            "temperature is NaN, expected 0 to 5", (StageSampling.Music with { Temperature = double.NaN }).Fault());
        Assert.Null(StageSampling.Score.Fault());
        Assert.Null(StageSampling.Music.Fault());
    }

    /// <summary>Returns true if <c>top_k</c> is missing or an integer. The reference rejects a value like 1.0. In the service, the JSON
    /// reader rejects it before it becomes a setting.</summary>
    private static bool HasWholeCounts(JsonElement value) =>
        !value.TryGetProperty("top_k", out var topK) || topK.TryGetInt32(out _);

    private static void CompareRow(JsonElement expected)
    {
        var isRounded = expected.GetProperty("arith").GetString() == "bf16";
        var what = $"{expected.GetProperty("name")} {expected.GetProperty("arith")}";
        var stage = expected.GetProperty("phase").GetString() == "abc" ? StageIds.Score : StageIds.Music;
        var chain = new StageChain(
            stage,
            Yue2Json.Sampling(expected.GetProperty("sampling"), StageSampling.Music),
            hasPlan: !expected.GetProperty("off").GetBoolean(),
            isRounded ? StageRounding.BFloat16 : StageRounding.None);
        var actual = chain.Next(Row(expected, stage), Yue2Json.Ids(expected, "history"), expected.GetProperty("step").GetInt32());
        if (expected.TryGetProperty("argmax", out var best))
        {
            Assert.Equal([best.GetInt32()], actual.Ids.ToArray());
            return;
        }

        var scores = chain.Scores(actual).ToArray();
        Assert.Equal(expected.GetProperty("kept").GetInt32(), actual.Ids.Length);
        Assert.Equal(Yue2Json.Ids(expected, "ids"), actual.Ids[..Math.Min(Listed, actual.Ids.Length)].ToArray());
        TensorAssert.Close(
            Yue2Json.Floats(expected, "scores"), scores.AsSpan(..Math.Min(Listed, scores.Length)), isRounded ? 0 : 1e-5, what + " scores");
        TensorAssert.Close(
            Yue2Json.Floats(expected, "probs"), actual.Probabilities[..Math.Min(Listed, scores.Length)], 1e-6, what + " probabilities");
    }

    /// <summary>Returns the logits of a golden row, by the formula in its file.</summary>
    private static float[] Row(JsonElement expected, StageIds stage)
    {
        var seed = expected.GetProperty("row_seed").GetUInt32();
        var scale = expected.GetProperty("row_scale").GetDouble();
        var row = new float[stage.Scored.Count];
        for (var i = 0; i < row.Length; i++)
        {
            var hash = unchecked(((uint)(stage.Scored.First + i) * 2654435761u) + (seed * 40503u));
            row[i] = (float)(((hash >> 8) - (double)(1 << 23)) / (1 << 20) * scale);
        }

        foreach (var boost in expected.GetProperty("boost").EnumerateArray())
        {
            row[boost[0].GetInt32() - stage.Scored.First] = boost[1].GetSingle();
        }

        return row;
    }
}
