using Yue.Engine.Layers;
using Yue.Engine.Tensors;
using Yue.Engine.Weights;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Yue.Engine.Families.Yue1.Codec;

/// <summary>Length-preserving convolutions over HuBERT's features (docs/model.md 5.5). The model's <see cref="WeightOwner"/> owns the
/// weights.</summary>
internal sealed class SemanticEncoder
{
    private const string Root = "encoder_semantic";
    private const int WideKernel = 3;

    private readonly Conv _first;
    private readonly Block[] _blocks;

    public SemanticEncoder(ITensorSource source, long channels)
    {
        _first = Conv.Plain(source, $"{Root}.conv.conv", channels, channels, WideKernel, bias: false);
        _blocks = new Block[source.Count(block => $"{Root}.conv_blocks.{block}.conv.conv.weight")];
        for (var i = 0; i < _blocks.Length; i++)
        {
            _blocks[i] = new Block(source, $"{Root}.conv_blocks.{i}", channels);
        }
    }

    /// <summary>Maps [B, channels, T] to the same shape; the caller disposes the result.</summary>
    public Tensor Forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        x = _first.Forward(x);
        foreach (var block in _blocks)
        {
            x = block.Forward(x);
        }

        return x.MoveToOuterDisposeScope();
    }

    /// <summary>Residual units x + conv1(elu(conv3(elu(x)))), then a convolution.</summary>
    private sealed class Block
    {
        private readonly (Conv Wide, Conv Point)[] _units;
        private readonly Conv _last;

        public Block(ITensorSource source, string name, long channels)
        {
            _units =
            [
                .. Enumerable.Range(0, source.Count(unit => $"{name}.res_units.{unit}.conv2.weight")).Select(unit =>
                (
                    Conv.Plain(source, $"{name}.res_units.{unit}.conv1.conv", channels, channels, WideKernel, bias: false),
                    Conv.Plain(source, $"{name}.res_units.{unit}.conv2", channels, channels, kernel: 1, bias: false))),
            ];
            _last = Conv.Plain(source, $"{name}.conv.conv", channels, channels, WideKernel);
        }

        public Tensor Forward(Tensor x)
        {
            using var scope = NewDisposeScope();
            foreach (var (wide, point) in _units)
            {
                x = x.Plus(point.Forward(Elu(wide.Forward(Elu(x)))));
            }

            return _last.Forward(x).MoveToOuterDisposeScope();
        }

        /// <summary>Computes x where x is positive, and e^x − 1 elsewhere.</summary>
        private static Tensor Elu(Tensor x)
        {
            var above = functional.relu(x);
            return above.Plus((x - above).expm1());
        }
    }
}
