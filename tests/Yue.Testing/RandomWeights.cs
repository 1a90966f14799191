using Yue.Engine.Weights;
using static TorchSharp.torch;

namespace Yue.Testing;

/// <summary>Weights that are generated on demand: matrices are normally distributed, and vectors contain ones.</summary>
public sealed class RandomWeights(long seed, double deviation, ScalarType dtype, Device device) : ITensorSource
{
    private int _drawn;

    public ScalarType Dtype => dtype;

    public Device Device => device;

    public bool Contains(string name) => true;

    public long[] ShapeOf(string name) => throw new NotSupportedException("random weights have the requested shape");

    public Tensor Read(string name, params ReadOnlySpan<long> expected)
    {
        using var scope = NewDisposeScope();
        if (expected.Length == 1)
        {
            return ones(expected.ToArray(), dtype, device).MoveToOuterDisposeScope();
        }

        using var generator = new Generator((ulong)seed + (ulong)Interlocked.Increment(ref _drawn));
        return randn(expected.ToArray(), generator: generator).mul(deviation).to(dtype).to(device).MoveToOuterDisposeScope();
    }

    public void ReadInto(string name, Tensor destination)
    {
        using var values = Read(name, destination.shape);
        destination.copy_(values);
    }
}
