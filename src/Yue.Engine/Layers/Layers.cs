using TorchSharp;
using Yue.Engine.Tensors;
using Yue.Engine.Weights;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Yue.Engine.Layers;

/// <summary>A convolution over time. Holds references to its weights; the model's <see cref="WeightOwner"/> owns them.</summary>
/// <remarks>On the CPU, inputs and weights of an ungrouped convolution with more than 16 input channels are padded with zeros to a multiple
/// of 16 channels. With AVX-512, oneDNN (3.7.1, as in libtorch 2.10) works in blocks of 16 channels and multiplies the memory after the
/// last channel by zero: a NaN there, left by an earlier operation, makes outputs NaN. For up to 16 channels, oneDNN uses other kernels,
/// which do not have this problem.</remarks>
internal sealed class Conv
{
    private const int ChannelBlock = 16;

    private readonly Tensor _weight;
    private readonly Tensor? _bias;
    private readonly long _stride, _padding, _dilation, _groups;
    private readonly long _addedChannels;

    private Conv(Tensor weight, Tensor? bias, long stride, long padding, long dilation, long groups)
    {
        (_stride, _padding, _dilation, _groups) = (stride, padding, dilation, groups);
        var inputs = weight.shape[1];
        var isPadded = weight.device.type == DeviceType.CPU && groups == 1 && inputs > ChannelBlock;
        _addedChannels = isPadded ? (ChannelBlock - (inputs % ChannelBlock)) % ChannelBlock : 0;
        (_weight, _bias) = (_addedChannels == 0 ? weight : weight.Then(Pad), bias);
    }

    /// <summary>The number of output channels.</summary>
    public long Out => _weight.shape[0];

    /// <summary>Reads a convolution whose weight is stored in the form that is used: <c>name.weight</c> [out, in/groups, kernel].</summary>
    /// <param name="source">The source of the weights.</param>
    /// <param name="name">The module's checkpoint name.</param>
    /// <param name="inputs">The number of input channels.</param>
    /// <param name="outputs">The number of output channels.</param>
    /// <param name="kernel">The kernel size.</param>
    /// <param name="bias">True if there is a <c>name.bias</c> [out].</param>
    /// <param name="stride">The number of inputs per step.</param>
    /// <param name="padding">The number of zeros added at each end; null keeps the length at stride 1.</param>
    /// <param name="groups">The number of groups of channels.</param>
    public static Conv Plain(
        ITensorSource source,
        string name,
        long inputs,
        long outputs,
        long kernel,
        bool bias = true,
        long stride = 1,
        long? padding = null,
        long groups = 1)
    {
        var weight = source.Read(name + ".weight", outputs, inputs / groups, kernel);
        return new Conv(weight, bias ? source.Read(name + ".bias", outputs) : null, stride, padding ?? kernel / 2, 1, groups);
    }

    /// <summary>Reads a convolution with weight norm of dimension 0 (docs/model.md 5.1), and fuses the norm into the weight. The tensors
    /// are <c>name.weight_g</c> [out, 1, 1], <c>name.weight_v</c> [out, in, kernel] and, with a bias, <c>name.bias</c> [out].</summary>
    public static Conv WeightNormed(
        ITensorSource source,
        string name,
        long channels,
        long kernel,
        long stride = 1,
        long padding = 0,
        long dilation = 1,
        long? outputs = null,
        bool bias = true)
    {
        var given = outputs ?? source.Dimension(name + ".weight_v", 0);
        var weight = WeightNorm.Fuse(source, name, [given, channels, kernel], keptDimension: 0);
        return new Conv(weight, bias ? source.Read(name + ".bias", given) : null, stride, padding, dilation, 1);
    }

    /// <summary>Reads a grouped convolution with weight norm of the kernel dimension (docs/model.md 5.4 step 3):
    /// <c>name.weight_g</c> [1, 1, kernel], <c>name.weight_v</c> [out, in/groups, kernel], <c>name.bias</c> [out].</summary>
    public static Conv KernelNormed(ITensorSource source, string name, long channels, long kernel, long groups)
    {
        var weight = WeightNorm.Fuse(source, name, [channels, channels / groups, kernel], keptDimension: 2);
        return new Conv(weight, source.Read(name + ".bias", channels), 1, kernel / 2, 1, groups);
    }

    /// <summary>Returns the number of outputs for the given number of inputs; 0 if the kernel does not fit.</summary>
    public long OutputLength(long inputs)
    {
        var room = inputs + (2 * _padding) - (_dilation * (_weight.shape[2] - 1)) - 1;
        return room < 0 ? 0 : (room / _stride) + 1;
    }

    /// <summary>Maps [B, in, T] to [B, out, <see cref="OutputLength"/>]; the caller disposes the result.</summary>
    public Tensor Forward(Tensor x)
    {
        if (_addedChannels == 0)
        {
            return Convolve(x);
        }

        using var padded = Pad(x);
        return Convolve(padded);
    }

    private Tensor Convolve(Tensor x) => functional.conv1d(x, _weight, _bias, _stride, _padding, _dilation, _groups);

    /// <summary>Pads [B, C, T] to [B, C + added, T].</summary>
    private Tensor Pad(Tensor x) => functional.pad(x, [0, 0, 0, _addedChannels]);
}

/// <summary>A transposed convolution with weight norm and a kernel size of 2·stride (docs/model.md 5.3, docs/model-yue2.md 7.2).</summary>
internal sealed class UpsamplingConv
{
    private readonly Tensor _weight, _bias;
    private readonly int _stride, _outputPadding;

    /// <summary>Reads <c>name.weight_g</c> [in, 1, 1], <c>name.weight_v</c> [in, out, 2·stride], <c>name.bias</c> [out].</summary>
    /// <remarks>Dimension 0, which weight norm keeps, is the input channel of a transposed convolution.</remarks>
    /// <param name="source">The source of the weights.</param>
    /// <param name="name">The module's checkpoint name.</param>
    /// <param name="channels">The number of input channels.</param>
    /// <param name="stride">The number of outputs per input.</param>
    /// <param name="outputPadding">The number of outputs added at the end; null adds one if the stride is odd.</param>
    public UpsamplingConv(ITensorSource source, string name, long channels, int stride, int? outputPadding = null)
    {
        Out = source.Dimension(name + ".weight_v", 1);
        _weight = WeightNorm.Fuse(source, name, [channels, Out, 2 * stride], keptDimension: 0);
        _bias = source.Read(name + ".bias", Out);
        (_stride, _outputPadding) = (stride, outputPadding ?? stride % 2);
    }

    /// <summary>The number of output channels.</summary>
    public long Out { get; }

    /// <summary>Maps [B, in, T] to [B, out, stride · T]; the caller disposes the result.</summary>
    /// <remarks>Without output padding, an odd stride gives one output fewer.</remarks>
    public Tensor Forward(Tensor x) => functional.conv_transpose1d(
        x, _weight, _bias, stride: _stride, padding: Padding(_stride), output_padding: _outputPadding);

    /// <summary>Returns the padding for a stride: the number of outputs cut off at each end.</summary>
    public static int Padding(int stride) => (stride + 1) / 2;
}

/// <summary>Fuses old-style weight norm: w = g · v / ‖v‖, with the norm taken over all dimensions but one.</summary>
internal static class WeightNorm
{
    /// <summary>Reads <c>name.weight_g</c> and <c>name.weight_v</c> and returns the fused weight.</summary>
    /// <param name="source">The source of the weights.</param>
    /// <param name="name">The module's checkpoint name.</param>
    /// <param name="shape">The shape of the weight.</param>
    /// <param name="keptDimension">The dimension with a separate gain for every index.</param>
    public static Tensor Fuse(ITensorSource source, string name, long[] shape, int keptDimension)
    {
        using var scope = NewDisposeScope();
        long[] gainShape = [1, 1, 1];
        gainShape[keptDimension] = shape[keptDimension];
        long[] summed = [.. Enumerable.Range(0, 3).Where(dimension => dimension != keptDimension).Select(dimension => (long)dimension)];
        var gain = source.Read(name + ".weight_g", gainShape);
        var direction = source.Read(name + ".weight_v", shape);
        var norm = (direction * direction).sum(summed, keepdim: true).sqrt();
        return (direction * (gain / norm)).MoveToOuterDisposeScope();
    }
}

/// <summary>An affine map of the last dimension: <c>name.weight</c> [out, in], <c>name.bias</c> [out].</summary>
internal sealed class Linear
{
    private readonly Tensor _weight, _bias;

    public Linear(ITensorSource source, string name, long inputs, long outputs)
    {
        _weight = source.Read(name + ".weight", outputs, inputs);
        _bias = source.Read(name + ".bias", outputs);
    }

    /// <summary>The device of the weights.</summary>
    public Device Device => _weight.device;

    /// <summary>The size of the last dimension of the output.</summary>
    public long Out => _weight.shape[0];

    /// <summary>Maps [..., in] to [..., out]; the caller disposes the result.</summary>
    public Tensor Forward(Tensor x) => functional.linear(x, _weight, _bias);

    /// <summary>Maps [B, in, T] to [B, out, T] over the channel axis; the caller disposes the result.</summary>
    public Tensor ForwardChannels(Tensor x)
    {
        using var scope = NewDisposeScope();
        return functional.linear(x.transpose(1, 2), _weight, _bias).transpose(1, 2).MoveToOuterDisposeScope();
    }
}

/// <summary>Layer norm of the last dimension: <c>name.weight</c> and <c>name.bias</c> [size].</summary>
internal sealed class LayerNorm(ITensorSource source, string name, long size, double eps)
{
    private readonly Tensor _weight = source.Read(name + ".weight", size);
    private readonly Tensor _bias = source.Read(name + ".bias", size);

    /// <summary>Maps [..., size] to the same shape; the caller disposes the result.</summary>
    public Tensor Forward(Tensor x) => functional.layer_norm(x, [size], _weight, _bias, eps);
}

/// <summary>Extension methods for reading the shapes of a tensor source.</summary>
internal static class TensorSourceExtensions
{
    /// <summary>Returns one dimension of a stored tensor; 0, which no read accepts, if it has fewer dimensions.</summary>
    public static long Dimension(this ITensorSource source, string name, int index) =>
        source.ShapeOf(name).ElementAtOrDefault(index);

    /// <summary>Counts the consecutive numbers k from 0 for which there is a tensor with the name <paramref name="nameOf"/>(k).</summary>
    public static int Count(this ITensorSource source, Func<int, string> nameOf)
    {
        var count = 0;
        while (source.Contains(nameOf(count)))
        {
            count++;
        }

        return count;
    }
}
