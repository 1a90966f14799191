using Yue.Engine.Llama;
using Yue.Engine.Weights;
using static TorchSharp.torch;

namespace Yue.Testing;

/// <summary>The language models of the goldens folder, in float32 on the CPU.</summary>
/// <remarks>
/// The reference values of such a folder may have been computed before the norm weights were rounded to the bf16 that
/// the checkpoint stores (1.2 there, 1.203125 in the file), while the matrices were rounded first: the log-sums of a
/// tiny model then differ by 3e-3. The weights are drawn in steps of 1/20, so the value before rounding can be told.
/// Which of the two the folder was made with is decided once, by which comes closer to its <c>logsumexp_all</c>; the
/// golden tests then hold that one to the tolerance.
/// </remarks>
public static class GoldenModels
{
    private static readonly Lazy<bool> NormsWereRoundedLater = new(() => LogSumError(unround: true) < LogSumError(unround: false));

    /// <summary>The model of a folder, with the norm weights that its reference values were computed with.</summary>
    public static LlamaModel Load(string name) => Load(name, NormsWereRoundedLater.Value);

    /// <summary>The tensors of an <c>expected….safetensors</c> file as arrays.</summary>
    public static T[] Expected<T>(string file, string tensor)
        where T : unmanaged
    {
        using var stored = SafetensorsFile.Open(file);
        var dtype = typeof(T) == typeof(float) ? ScalarType.Float32 : ScalarType.Int32;
        var source = new CheckpointTensors(stored, dtype);
        using var values = source.Read(tensor, source.ShapeOf(tensor));
        return values.data<T>().ToArray();
    }

    /// <summary>log Σ exp of the logits at every position of a prompt.</summary>
    public static float[] LogSums(LlamaModel model, int[] prompt)
    {
        using var scope = NewDisposeScope();
        using var cache = model.NewCache(rows: 1, prompt.Length);
        var hidden = model.Forward(tensor(Array.ConvertAll(prompt, id => (long)id)).unsqueeze(0), cache, ..1);
        return model.Logits(hidden, 0, model.Config.VocabularySize).logsumexp(-1).data<float>().ToArray();
    }

    private static LlamaModel Load(string name, bool unroundNorms)
    {
        var folder = Goldens.PathOf(name);
        var config = LlamaConfig.Load(folder);
        using var checkpoint = SafetensorsCheckpoint.Open(folder);
        var model = new LlamaModel(config, LlamaWeights.Load(config, new CheckpointTensors(checkpoint, ScalarType.Float32)));
        if (unroundNorms)
        {
            var norms = model.Weights.Layers.SelectMany(layer => (Tensor[])[layer.InputNorm, layer.PostNorm]).Append(model.Weights.Norm);
            foreach (var norm in norms)
            {
                norm.mul_(20).round_().div_(20);
            }
        }

        return model;
    }

    private static double LogSumError(bool unround)
    {
        var file = Goldens.PathOf("stage1", "expected.safetensors");
        using var model = Load("stage1", unround);
        return LogSums(model, Expected<int>(file, "prompt_ids")).Zip(Expected<float>(file, "logsumexp_all"))
            .Max(pair => Math.Abs(pair.First - pair.Second));
    }
}
