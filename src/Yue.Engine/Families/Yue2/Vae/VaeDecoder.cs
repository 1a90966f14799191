using Yue.Cuda.Decode;
using Yue.Engine.Layers;
using Yue.Engine.Tensors;
using Yue.Engine.Weights;
using static TorchSharp.torch;

namespace Yue.Engine.Families.Yue2.Vae;

/// <summary>Decodes latents to sound (docs/model-yue2.md 7). Owns its weights.</summary>
/// <remarks>Computes in float32 on every device. Thread-safe on the CPU.</remarks>
public sealed class VaeDecoder : IDisposable
{
    private const int EdgeKernel = 7;

    private readonly WeightOwner _weights;
    private readonly Func<Tensor, Tensor>[] _layers;

    /// <summary>Reads the decoder's half of a checkpoint.</summary>
    /// <param name="config">The checkpoint's dimensions.</param>
    /// <param name="source">The checkpoint, as float32.</param>
    /// <param name="kernel">The kernel of the activation on a GPU; the caller owns it. If null, TorchSharp computes the activation.</param>
    public VaeDecoder(VaeConfig config, ITensorSource source, SnakeKernel? kernel = null)
    {
        Config = config;
        (_weights, _layers) = WeightOwner.Load(source, () => Layers(config, source, kernel));
    }

    public VaeConfig Config { get; }

    /// <summary>Returns the number of samples per channel for the given number of frames. The last frame is a few samples shorter than
    /// the others.</summary>
    public long SampleCount(long frames) => Config.Strides.Aggregate(frames, VaeBlock.OutputLength);

    /// <summary>Decodes latents in one piece. The sound is not clamped.</summary>
    /// <param name="latents">[F, latent size], F32; the caller owns it.</param>
    /// <returns>[channels, <see cref="SampleCount"/>], F32; the caller disposes it.</returns>
    public Tensor Decode(Tensor latents)
    {
        using var sound = Forward(latents, _layers.Length);
        return sound.squeeze(0);
    }

    /// <summary>Runs the first layers: [F, latent size] to [1, C, T]; the caller disposes the result.</summary>
    internal Tensor Forward(Tensor latents, int layers)
    {
        var (F, _) = Shape.Dims2(latents);
        Shape.Expect(latents, [F, Config.LatentSize]);
        ArgumentOutOfRangeException.ThrowIfLessThan(F, 1, nameof(latents));
        using var gradients = no_grad();
        using var scope = NewDisposeScope();
        var x = latents.transpose(0, 1).unsqueeze(0).contiguous();          // [1, latent size, F]
        return _layers.Take(layers).Aggregate(x, (y, layer) => y.Then(layer)).MoveToOuterDisposeScope();
    }

    public void Dispose() => _weights.Dispose();

    private static Func<Tensor, Tensor>[] Layers(VaeConfig config, ITensorSource source, SnakeKernel? kernel)
    {
        const string Name = "decoder.layers.";
        var (channels, blocks) = (config.Channels, config.Strides.Count);
        var layers = new List<Func<Tensor, Tensor>>
        {
            Conv.WeightNormed(
                source, Name + "0", config.LatentSize, EdgeKernel, padding: EdgeKernel / 2, outputs: channels[0]).Forward,
        };
        for (var i = 0; i < blocks; i++)
        {
            layers.Add(new VaeBlock(source, $"{Name}{i + 1}", channels[i], channels[i + 1], config.Strides[i], kernel).Forward);
        }

        layers.Add(new SnakeBeta(source, $"{Name}{blocks + 1}", channels[blocks], kernel).Forward);
        layers.Add(Conv.WeightNormed(
            source, $"{Name}{blocks + 2}", channels[blocks], EdgeKernel, padding: EdgeKernel / 2, outputs: config.SoundChannels,
            bias: false).Forward);
        return [.. layers];
    }
}
