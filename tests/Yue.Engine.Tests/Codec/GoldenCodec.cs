using Xunit;
using Yue.Engine.Families.Yue1.Codec;
using Yue.Engine.Families.Yue1.Vocoder;
using Yue.Engine.Weights;
using Yue.Testing;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.Codec;

/// <summary>The codec and vocoders of the goldens, on the CPU.</summary>
public sealed class GoldenCodec : IDisposable
{
    private static readonly string Folder = Goldens.PathOf("xcodec_mini_infer");

    private readonly List<IDisposable> _owned = [];

    public GoldenCodec()
    {
        Config = CodecConfig.Load(Folder);
        using var codec = TorchCheckpoint.Open(Path.Combine(Folder, "final_ckpt", "ckpt_00360000.pth"), "codec_model");
        var weights = new CheckpointTensors(codec, ScalarType.Float32);
        Decoder = Own(new CodecDecoder(weights, Config));
        Encoder = Own(new CodecEncoder(weights, Config, HubertConfig.Load(Folder)));
        Vocal = Own(LoadVocoder("decoder_131000.pth"));
        Instrumental = Own(LoadVocoder("decoder_151000.pth"));
    }

    public CodecConfig Config { get; }

    public CodecDecoder Decoder { get; }

    public CodecEncoder Encoder { get; }

    public Vocos Vocal { get; }

    public Vocos Instrumental { get; }

    /// <summary>Returns a vocoder of the goldens with its output multiplied by a gain; the caller disposes it.</summary>
    public static Vocos LoadVocoder(string file, float gain = 1)
    {
        using var checkpoint = TorchCheckpoint.Open(Path.Combine(Folder, "decoders", file), rootKey: null);
        return new Vocos(new Amplified(new CheckpointTensors(checkpoint, ScalarType.Float32), gain), VocosConfig.Load(Folder));
    }

    /// <summary>Returns seeded random codes [8, F]; the caller disposes them.</summary>
    public Tensor RandomCodes(int frames, int seed = 1)
    {
        using var generator = new Generator((ulong)seed);
        return randint(0, Config.CodebookSize, [8, frames], ScalarType.Int32, generator: generator);
    }

    /// <summary>Returns the samples of a wave [1, S] and disposes it.</summary>
    public static float[] Samples(Tensor wave)
    {
        using (wave)
        {
            Assert.Equal((2, 1), (wave.dim(), wave.shape[0]));
            return wave.numel() == 0 ? [] : wave.data<float>().ToArray();
        }
    }

    public void Dispose()
    {
        foreach (var part in _owned)
        {
            part.Dispose();
        }
    }

    private T Own<T>(T part)
        where T : IDisposable
    {
        _owned.Add(part);
        return part;
    }

    /// <summary>Vocoder weights with the window divided by a gain. The vocoder multiplies each frame by the window and divides the sum of
    /// the frames by the sum of the squared windows, so its output is multiplied by the gain.</summary>
    private sealed class Amplified(ITensorSource source, float gain) : ITensorSource
    {
        public ScalarType Dtype => source.Dtype;

        public Device Device => source.Device;

        public bool Contains(string name) => source.Contains(name);

        public long[] ShapeOf(string name) => source.ShapeOf(name);

        public Tensor Read(string name, params ReadOnlySpan<long> expected)
        {
            var tensor = source.Read(name, expected);
            return name == "head.istft.window" ? tensor.div_(gain) : tensor;
        }

        public void ReadInto(string name, Tensor destination) => source.ReadInto(name, destination);
    }
}
