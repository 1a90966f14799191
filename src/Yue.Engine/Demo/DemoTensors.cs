using Yue.Engine.Weights;

namespace Yue.Engine.Demo;

/// <summary>Collects the tensors of one demo checkpoint, in F32 or BF16, each filled by a simple rule.</summary>
/// <param name="model">Keeps the random numbers of equal names in different checkpoints apart.</param>
/// <param name="inBFloat16">Whether values are rounded to BF16.</param>
internal sealed class DemoTensors(string model, bool inBFloat16 = false)
{
    private readonly List<TensorData> _tensors = [];

    public IReadOnlyList<TensorData> All => _tensors;

    /// <summary>Adds a tensor whose value at each row-major index is <paramref name="value"/> of the index.</summary>
    public void Add(string name, ReadOnlySpan<long> shape, Func<DemoRandom, long, float> value)
    {
        long count = 1;
        foreach (var size in shape)
        {
            count *= size;
        }

        var random = new DemoRandom($"{model}/{name}");
        var values = new float[count];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = value(random, i);
        }

        _tensors.Add(inBFloat16
            ? TensorData.RoundedToBFloat16(name, shape.ToArray(), values)
            : TensorData.FromFloats(name, shape.ToArray(), values));
    }

    /// <summary>Normal values of the given deviation.</summary>
    public void Normal(string name, float deviation, params ReadOnlySpan<long> shape) =>
        Add(name, shape, (random, i) => deviation * random.Normal(i));

    /// <summary>The same value everywhere.</summary>
    public void Constant(string name, float value, params ReadOnlySpan<long> shape) => Add(name, shape, (_, _) => value);

    /// <summary>A weight that keeps its input's deviation times the gain: the inputs of an output are all axes but the first.</summary>
    public void Weight(string name, float gain, params ReadOnlySpan<long> shape)
    {
        long inputs = 1;
        foreach (var size in shape[1..])
        {
            inputs *= size;
        }

        Normal(name, gain / MathF.Sqrt(inputs), shape);
    }

    /// <summary>A linear layer's or convolution's weight of <see cref="Weight"/> and a small bias.</summary>
    public void Layer(string name, float gain, params ReadOnlySpan<long> shape)
    {
        Weight($"{name}.weight", gain, shape);
        Normal($"{name}.bias", 0.02f, shape[0]);
    }

    /// <summary>A normalization's weight of ones and bias of zeros.</summary>
    public void Norm(string name, long channels)
    {
        Constant($"{name}.weight", 1, channels);
        Constant($"{name}.bias", 0, channels);
    }
}
