using Yue.Cuda;
using Yue.Cuda.Decode;
using Yue.Engine.Layers;
using Yue.Engine.Tensors;
using Yue.Engine.Weights;
using static TorchSharp.torch;

namespace Yue.Engine.Families.Yue2.Vae;

/// <summary>The activation x + sin²(e^α · x) / (e^β + 1e-9), with two numbers per channel (docs/model-yue2.md 7.2):
/// <c>name.alpha</c> and <c>name.beta</c> [C].</summary>
/// <remarks>With a kernel, the batch size must be 1. Without one, TorchSharp computes the activation.</remarks>
internal sealed class SnakeBeta
{
    private readonly SnakeKernel? _kernel;
    private readonly Tensor _speed, _strength;

    public SnakeBeta(ITensorSource source, string name, long channels, SnakeKernel? kernel)
    {
        _kernel = kernel;
        using var scope = NewDisposeScope();
        _speed = source.Read(name + ".alpha", channels).exp().view(1, channels, 1).MoveToOuterDisposeScope();
        _strength = source.Read(name + ".beta", channels).exp().add(Scalars.Of(1e-9), Scalars.One).reciprocal().view(1, channels, 1)
            .MoveToOuterDisposeScope();
    }

    /// <summary>Maps [B, C, T] to the same shape; the caller disposes the result.</summary>
    public Tensor Forward(Tensor x)
    {
        if (_kernel is not null)
        {
            return ByKernel(x, _kernel);
        }

        using var wave = x * _speed;
        wave.sin_().mul_(wave);
        return x.addcmul(wave, _strength, Scalars.One);
    }

    private Tensor ByKernel(Tensor x, SnakeKernel kernel)
    {
        var (B, C, T) = Shape.Dims3(x);
        Shape.Expect(x, [1, C, T]);
        Shape.Expect(_speed, [B, C, 1]);
        using var dense = x.contiguous();
        var y = empty([B, C, T], x.dtype, x.device);
        kernel.Apply(CudaStream.Legacy, dense.Address(), _speed.Address(), _strength.Address(), y.Address(), (int)C, T);
        return y;
    }
}

/// <summary>The residual unit x + conv1(snake(conv7(snake(x)))) with a dilated conv7.</summary>
internal sealed class VaeUnit
{
    private const int Kernel = 7;

    private readonly SnakeBeta _snakeIn, _snakeMiddle;
    private readonly Conv _wide, _point;

    public VaeUnit(ITensorSource source, string name, long channels, int dilation, SnakeKernel? kernel)
    {
        _snakeIn = new SnakeBeta(source, name + ".layers.0", channels, kernel);
        _wide = Conv.WeightNormed(
            source, name + ".layers.1", channels, Kernel, padding: Kernel / 2 * dilation, dilation: dilation, outputs: channels);
        _snakeMiddle = new SnakeBeta(source, name + ".layers.2", channels, kernel);
        _point = Conv.WeightNormed(source, name + ".layers.3", channels, kernel: 1, outputs: channels);
    }

    /// <summary>Maps [B, C, T] to the same shape; the caller disposes the result.</summary>
    public Tensor Forward(Tensor x)
    {
        var y = _snakeIn.Forward(x).Then(_wide.Forward).Then(_snakeMiddle.Forward).Then(_point.Forward);
        return y.add_(x, Scalars.One);
    }
}

/// <summary>A block of snake, upsampling by the stride, and three residual units.</summary>
internal sealed class VaeBlock
{
    private static readonly int[] Dilations = [1, 3, 9];

    private readonly SnakeBeta _snake;
    private readonly UpsamplingConv _up;
    private readonly VaeUnit[] _units;

    public VaeBlock(ITensorSource source, string name, long inputs, long outputs, int stride, SnakeKernel? kernel)
    {
        _snake = new SnakeBeta(source, name + ".layers.0", inputs, kernel);
        _up = new UpsamplingConv(source, name + ".layers.1", inputs, stride, outputPadding: 0);
        _units = [.. Dilations.Select((dilation, i) => new VaeUnit(source, $"{name}.layers.{i + 2}", outputs, dilation, kernel))];
    }

    /// <summary>Returns the length of the output: stride · inputs, or one less if the stride is odd.</summary>
    public static long OutputLength(long inputs, int stride) => (inputs * stride) - (stride % 2);

    /// <summary>Maps [B, in, T] to [B, out, <see cref="OutputLength"/>]; the caller disposes the result.</summary>
    public Tensor Forward(Tensor x) =>
        _units.Aggregate(_snake.Forward(x).Then(_up.Forward), (y, unit) => y.Then(unit.Forward));
}
