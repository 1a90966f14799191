using Yue.Engine.Layers;
using Yue.Engine.Tensors;
using Yue.Engine.Weights;
using static TorchSharp.torch;

namespace Yue.Engine.Families.Yue1.Codec;

/// <summary>The acoustic half of the encoder, which converts sound to features (docs/model.md 5.2). The model's <see cref="WeightOwner"/>
/// owns the weights.</summary>
internal sealed class AcousticEncoder
{
    private readonly Conv _first, _last;
    private readonly Block[] _blocks;
    private readonly Snake _snake;

    public AcousticEncoder(ITensorSource source, CodecConfig config)
    {
        var strides = config.Ratios;
        _first = Conv.WeightNormed(source, "encoder.block.0", channels: 1, kernel: 7, padding: 3);
        _blocks = new Block[strides.Count];
        var channels = _first.Out;
        for (var i = 0; i < _blocks.Length; i++)
        {
            _blocks[i] = new Block(source, $"encoder.block.{i + 1}", channels, strides[i]);
            channels = _blocks[i].Down.Out;
        }

        _snake = new Snake(source, $"encoder.block.{strides.Count + 1}", channels);
        _last = Conv.WeightNormed(
            source, $"encoder.block.{strides.Count + 2}", channels, kernel: 3, padding: 1, outputs: config.LatentChannels);
    }

    /// <summary>Returns the number of frames for the given number of samples.</summary>
    public long FrameCount(long samples) =>
        _blocks.Aggregate(samples, (length, block) => block.Down.OutputLength(length));

    /// <summary>Computes [B, out, <see cref="FrameCount"/>] from [B, 1, S], where S is long enough for one frame; the caller disposes the
    /// result.</summary>
    public Tensor Forward(Tensor wave) =>
        _blocks.Aggregate(_first.Forward(wave), (y, block) => block.Forward(y)).Then(_snake.Forward).Then(_last.Forward);

    /// <summary>Three residual units, Snake, downsampling by the stride.</summary>
    private sealed class Block
    {
        private readonly ResidualUnit[] _units;
        private readonly Snake _snake;

        public Block(ITensorSource source, string name, long channels, int stride)
        {
            _units =
            [
                .. ResidualUnit.Dilations.Select(
                    (dilation, i) => new ResidualUnit(source, $"{name}.block.{i}", channels, dilation)),
            ];
            _snake = new Snake(source, $"{name}.block.{_units.Length}", channels);
            Down = Conv.WeightNormed(
                source, $"{name}.block.{_units.Length + 1}", channels, 2 * stride, stride, padding: (stride + 1) / 2);
        }

        public Conv Down { get; }

        /// <summary>Computes [B, out, T / stride] from [B, in, T], which is disposed; the caller disposes the result.</summary>
        public Tensor Forward(Tensor x) =>
            _units.Aggregate(x, (y, unit) => y.Then(unit.Forward)).Then(_snake.Forward).Then(Down.Forward);
    }
}
