using Xunit;
using Yue.Testing;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.Llama;

[Trait("Category", Goldens.Category)]
public sealed class LlamaGoldenTests
{
    private static readonly string Expected = Goldens.PathOf("stage1", "expected.safetensors");

    [Fact]
    public void Logits_and_log_sums_equal_the_reference_at_every_position()
    {
        using var scope = NewDisposeScope();
        using var model = GoldenModels.Load("stage1");
        var prompt = GoldenModels.Expected<int>(Expected, "prompt_ids");
        using var cache = model.NewCache(rows: 1, prompt.Length);

        var ids = tensor(Array.ConvertAll(prompt, id => (long)id)).unsqueeze(0);
        var logits = model.Logits(model.Forward(ids, cache, ..1), 0, model.Config.VocabularySize).squeeze(0);   // [T, V]

        TensorAssert.Close(GoldenModels.Expected<float>(Expected, "logits_last"), logits[-1].data<float>().ToArray(), 1e-4, "last logits");
        TensorAssert.Close(
            GoldenModels.Expected<float>(Expected, "logits_mid"), logits[prompt.Length / 2].data<float>().ToArray(), 1e-4, "middle logits");
        TensorAssert.Close(
            GoldenModels.Expected<float>(Expected, "logsumexp_all"), logits.logsumexp(-1).data<float>().ToArray(), 1e-4, "log sums");
    }

    [Fact]
    public void Greedy_ids_equal_the_reference()
    {
        using var scope = NewDisposeScope();
        using var model = GoldenModels.Load("stage1");
        var prompt = GoldenModels.Expected<int>(Expected, "prompt_ids");
        var expected = GoldenModels.Expected<int>(Expected, "greedy_ids");
        using var cache = model.NewCache(rows: 1, prompt.Length + expected.Length);

        var hidden = model.Prefill(prompt, cache, row: 0);
        var greedy = new List<int>();
        while (greedy.Count < expected.Length)
        {
            greedy.Add((int)model.Logits(hidden, 0, model.Config.VocabularySize).argmax().item<long>());
            hidden = model.Step([greedy[^1]], cache, ..1);
        }

        Assert.Equal(expected, greedy);
    }
}
