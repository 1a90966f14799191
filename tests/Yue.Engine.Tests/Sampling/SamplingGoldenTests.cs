using System.Text.Json;
using Xunit;
using Yue.Engine.Families.Yue1.Tokens;
using Yue.Engine.Llama;
using Yue.Engine.Sampling;
using Yue.Testing;

namespace Yue.Engine.Tests.Sampling;

[Trait("Category", Goldens.Category)]
public sealed class SamplingGoldenTests
{
    private static readonly string File = Goldens.PathOf("stage1", "sampling.json");

    public static TheoryData<string> Runs()
    {
        using var json = JsonDocument.Parse(System.IO.File.ReadAllText(File));
        return [.. json.RootElement.EnumerateArray().Select(run => run.GetProperty("name").GetString()!)];
    }

    [Theory]
    [MemberData(nameof(Runs))]
    public void The_distribution_of_every_step_equals_the_reference(string name)
    {
        using var json = JsonDocument.Parse(System.IO.File.ReadAllText(File));
        var run = json.RootElement.EnumerateArray().Single(entry => entry.GetProperty("name").GetString() == name);
        var prompt = Ids(run, "prompt_ids");
        var newIds = Ids(run, "new_ids");
        using var model = GoldenModels.Load("stage1");
        var V = model.Config.VocabularySize;
        var sampling = Settings(run, V);
        var seen = new SeenIds(V);
        seen.Add(prompt);
        var chain = new SamplingChain(V);
        using var cache = model.NewCache(rows: 2, prompt.Length + newIds.Length);
        model.Prefill(prompt.AsSpan(..^1), cache, row: 0).Dispose();
        var fed = prompt[^1];
        var steps = run.GetProperty("steps").EnumerateArray().ToArray();
        Assert.Equal(newIds.Length, steps.Length);
        for (var step = 0; step < steps.Length; step++)
        {
            var logits = NextLogits(model, cache, fed);
            CompareStep(
                steps[step], chain.Next(logits.AsSpan(..V), logits.AsSpan(V..), sampling, seen, step),
                sampling.TopK, $"{name} step {step}");
            fed = newIds[step];
            seen.Add(fed);
        }
    }

    private static float[] NextLogits(LlamaModel model, KvCache cache, int id)
    {
        using var hidden = model.Step([id, id], cache, ..2);
        using var logits = model.Logits(hidden, 0, model.Config.VocabularySize);
        return logits.data<float>().ToArray();
    }

    private static void CompareStep(JsonElement expected, Distribution actual, int topK, string what)
    {
        var boundary = topK == 0 ? 3 : 0;       // the number of ids at the nucleus boundary that rounding may add or drop
        Assert.True(Math.Abs(expected.GetProperty("kept").GetInt32() - actual.Ids.Length) <= boundary,
            $"{what}: {actual.Ids.Length} kept, expected {expected.GetProperty("kept").GetInt32()}");
        var probabilities = new Dictionary<int, float>();
        for (var i = 0; i < actual.Ids.Length; i++)
        {
            probabilities.Add(actual.Ids[i], actual.Probabilities[i]);
        }

        var ids = Ids(expected, "ids");
        var missing = ids.Where(id => !probabilities.ContainsKey(id)).ToArray();
        Assert.True(missing.Length <= boundary, $"{what}: {string.Join(", ", missing)} not kept");
        var pairs = ids.Zip(expected.GetProperty("probs").EnumerateArray().Select(p => p.GetSingle()))
            .Where(pair => probabilities.ContainsKey(pair.First)).ToArray();
        TensorAssert.Close(
            pairs.Select(pair => pair.Second).ToArray(), pairs.Select(pair => probabilities[pair.First]).ToArray(), 1e-4, what);
    }

    private static SectionSampling Settings(JsonElement run, int vocabularySize) => new()
    {
        GuidanceScale = run.GetProperty("guidance_scale").GetDouble(),
        RepetitionPenalty = run.GetProperty("repetition_penalty").GetDouble(),
        Temperature = run.GetProperty("temperature").GetDouble(),
        TopP = run.GetProperty("top_p").GetDouble(),
        TopK = run.GetProperty("top_k").GetInt32(),
        MinNewTokens = run.GetProperty("min_new_tokens").GetInt32(),
        MaxNewTokens = int.MaxValue,
        EndId = TokenMap.EndOfAudio,
        Allowed = [new IdRange(TokenMap.EndOfAudio, vocabularySize - TokenMap.EndOfAudio)],
    };

    private static int[] Ids(JsonElement element, string name) =>
        [.. element.GetProperty(name).EnumerateArray().Select(id => id.GetInt32())];
}
