using Xunit;
using Yue.Engine.Llama;
using Yue.Testing;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.Yue2;

[Trait("Category", Yue2Goldens.Category)]
public sealed class BackboneTests(Yue2Models models) : IClassFixture<Yue2Models>
{
    private const double Tolerance = 1e-4;

    private static readonly string File = Yue2Goldens.PathOf("ar", "expected.safetensors");

    [Theory]
    [InlineData("plan", false)]
    [InlineData("score", true)]
    [InlineData("off", true)]
    public void Logits_of_every_step_equal_the_reference(string name, bool isGuided)
    {
        var model = models.Language;
        var forced = GoldenModels.Expected<int>(File, $"{name}.forced");
        using var logits = ForcedLogits(model, GoldenModels.Expected<int>(File, $"{name}.prefix"), forced);
        Compare(logits, name, "logits");
        TensorAssert.Close(
            GoldenModels.Expected<float>(File, $"{name}.logsumexp"), logits.logsumexp(-1).data<float>().ToArray(), Tolerance, "log sums");
        CompareTop(logits, name);
        if (isGuided)
        {
            var scale = GoldenModels.Expected<float>(File, $"{name}.scale")[0];
            using var others = ForcedLogits(model, GoldenModels.Expected<int>(File, $"{name}.negative"), forced);
            using var guided = others.lerp(logits, tensor(scale));
            Compare(guided, name, "guided");
        }
    }

    /// <summary>A step of a few ids uses a different path than a prompt. Both must normalize queries and keys in the same way.</summary>
    [Fact]
    public void Ids_read_one_by_one_give_the_same_states_as_the_whole_prompt()
    {
        var model = models.Language;
        var ids = GoldenModels.Expected<int>(File, "plan.prefix");
        using var whole = model.NewCache(1, ids.Length);
        using var single = model.NewCache(1, ids.Length);
        using var expected = model.Prefill(ids, whole, 0);
        for (var i = 0; i < ids.Length - 1; i++)
        {
            model.Step([ids[i]], single, ..1).Dispose();
        }

        using var actual = model.Step([ids[^1]], single, ..1);
        TensorAssert.Close(expected, actual, 2e-5);
    }

    /// <summary>Returns the logits after the prompt and after each forced id, [1 + ids, V].</summary>
    private static Tensor ForcedLogits(LlamaModel model, int[] prompt, int[] forced)
    {
        using var scope = NewDisposeScope();
        using var cache = model.NewCache(1, prompt.Length + forced.Length);
        List<Tensor> hidden = [model.Prefill(prompt, cache, 0), .. forced.Select(id => model.Step([id], cache, ..1))];
        return model.Logits(cat(hidden), 0, model.Config.VocabularySize).MoveToOuterDisposeScope();
    }

    private static void Compare(Tensor logits, string name, string what)
    {
        using var scope = NewDisposeScope();
        var probes = tensor(Array.ConvertAll(GoldenModels.Expected<int>(File, "probe_ids"), id => (long)id));
        TensorAssert.Close(
            GoldenModels.Expected<float>(File, $"{name}.{what}"),
            logits.index_select(1, probes).contiguous().data<float>().ToArray(), Tolerance, what);
    }

    private static void CompareTop(Tensor logits, string name)
    {
        using var scope = NewDisposeScope();
        var ids = Array.ConvertAll(GoldenModels.Expected<int>(File, $"{name}.top_ids"), id => (long)id);
        var rows = logits.shape[0];
        var expected = GoldenModels.Expected<float>(File, $"{name}.top_logits");
        var top = logits.topk(ids.Length / (int)rows).values;
        TensorAssert.Close(expected, top.contiguous().data<float>().ToArray(), Tolerance, "best logits");
        TensorAssert.Close(
            expected,
            logits.gather(1, tensor(ids).view(rows, -1)).contiguous().data<float>().ToArray(),
            Tolerance,
            "logits of the best ids");
    }
}
