using Yue.Engine.Llama;
using Yue.Engine.Weights;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.Gpu;

/// <summary>A small checkpoint, padded to a wider one with the same results, because the kernels support only widths that are multiples of
/// 128.</summary>
/// <remarks>Matrices are padded with zeros. A mean of squares over four times as many values is a quarter as large, so norm weights are
/// divided by 2 and epsilon by 4. Because these are powers of two, no bits of the results change.</remarks>
internal sealed class PaddedSource(ITensorSource small, ScalarType dtype, Device device) : ITensorSource
{
    private const int Width = 128;
    private const int Times = 4;

    public ScalarType Dtype => dtype;

    public Device Device => device;

    /// <summary>Returns the dimensions of the padded model.</summary>
    public static LlamaConfig Pad(LlamaConfig config) => config.HiddenSize * Times == Width
        ? config with { HiddenSize = Width, IntermediateSize = Width, RmsNormEpsilon = config.RmsNormEpsilon / Times }
        : throw new ArgumentException($"the hidden size is {config.HiddenSize}; that of the goldens is {Width / Times}", nameof(config));

    public bool Contains(string name) => small.Contains(name);

    public long[] ShapeOf(string name) => small.ShapeOf(name);

    public Tensor Read(string name, params ReadOnlySpan<long> expected)
    {
        using var scope = NewDisposeScope();
        var padded = zeros(expected.ToArray(), dtype, device);
        ReadInto(name, padded);
        return padded.MoveToOuterDisposeScope();
    }

    public void ReadInto(string name, Tensor destination)
    {
        using var scope = NewDisposeScope();
        var shape = small.ShapeOf(name);
        var values = small.Read(name, shape);
        destination.zero_();
        var corner = destination.narrow(0, 0, shape[0]);
        if (shape.Length == 1)
        {
            corner.copy_(values.div(Math.Sqrt(Times)));
        }
        else
        {
            corner.narrow(1, 0, shape[1]).copy_(values);
        }
    }
}
