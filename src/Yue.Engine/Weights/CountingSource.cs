using static TorchSharp.torch;

namespace Yue.Engine.Weights;

/// <summary>Forwards all calls to another source and counts the weights that are read.</summary>
internal sealed class CountingSource(ITensorSource inner) : ITensorSource
{
    /// <summary>The number of weights read so far.</summary>
    public long Parameters { get; private set; }

    public ScalarType Dtype => inner.Dtype;

    public Device Device => inner.Device;

    public bool Contains(string name) => inner.Contains(name);

    public long[] ShapeOf(string name) => inner.ShapeOf(name);

    public Tensor Read(string name, params ReadOnlySpan<long> expected)
    {
        var tensor = inner.Read(name, expected);
        Parameters += tensor.numel();
        return tensor;
    }

    public void ReadInto(string name, Tensor destination)
    {
        inner.ReadInto(name, destination);
        Parameters += destination.numel();
    }
}
