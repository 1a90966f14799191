using Yue.Engine.Layers;
using Yue.Engine.Tensors;
using Yue.Engine.Weights;
using static TorchSharp.torch;

namespace Yue.Engine.Families.Yue1.Codec;

/// <summary>The activation x + sin²(αx) / (α + 1e-9), with one α per channel, <c>name.alpha</c> [1, C, 1] (docs/model.md 5.1).</summary>
internal sealed class Snake
{
    private readonly Tensor _alpha, _inverse;

    public Snake(ITensorSource source, string name, long channels)
    {
        _alpha = source.Read(name + ".alpha", 1, channels, 1);
        using var scope = NewDisposeScope();
        _inverse = _alpha.add(Scalars.Of(1e-9), Scalars.One).reciprocal().MoveToOuterDisposeScope();
    }

    /// <summary>Maps [B, C, T] to the same shape; the caller disposes the result.</summary>
    public Tensor Forward(Tensor x)
    {
        using var wave = x * _alpha;
        wave.sin_().mul_(wave);
        return x.addcmul(wave, _inverse, Scalars.One);
    }
}

/// <summary>x + conv1(snake(conv7(snake(x)))), with a dilated conv7 (docs/model.md 5.1).</summary>
internal sealed class ResidualUnit
{
    /// <summary>The dilations of the three units of a block, in order.</summary>
    public static readonly int[] Dilations = [1, 3, 9];

    private const int Kernel = 7;

    private readonly Snake _snakeIn, _snakeMiddle;
    private readonly Conv _wide, _point;

    public ResidualUnit(ITensorSource source, string name, long channels, int dilation)
    {
        _snakeIn = new Snake(source, name + ".block.0", channels);
        _wide = Conv.WeightNormed(
            source, name + ".block.1", channels, Kernel, padding: Reach(dilation), dilation: dilation, outputs: channels);
        _snakeMiddle = new Snake(source, name + ".block.2", channels);
        _point = Conv.WeightNormed(source, name + ".block.3", channels, kernel: 1, outputs: channels);
    }

    /// <summary>Returns the number of inputs on each side that an output depends on.</summary>
    public static int Reach(int dilation) => Kernel / 2 * dilation;

    /// <summary>Maps [B, C, T] to the same shape; the caller disposes the result.</summary>
    public Tensor Forward(Tensor x)
    {
        var y = _snakeIn.Forward(x).Then(_wide.Forward).Then(_snakeMiddle.Forward).Then(_point.Forward);
        return y.add_(x, Scalars.One);
    }
}
