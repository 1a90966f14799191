using Yue.Cuda;
using Yue.Engine.Families.Yue1.Codec;
using Yue.Engine.Families.Yue1.Decode;
using Yue.Engine.Families.Yue1.Vocoder;
using Yue.Engine.Residency;
using Yue.Engine.Weights;
using static TorchSharp.torch;

namespace Yue.Engine.Families.Yue1;

/// <summary>The codec, its encoder and the vocoders, which compute in F32 on every device (docs/model.md 5).</summary>
internal sealed class SoundModels : IDisposable
{
    private readonly Device _device;
    private readonly DeviceUpload? _upload;
    private readonly List<IDisposable> _owned = [];
    private readonly List<ModelStatus> _statuses = [];

    /// <summary>Loads the models.</summary>
    /// <param name="folder">The codec folder, with the vocoders.</param>
    /// <param name="host">The device and memory to load them into.</param>
    public SoundModels(string folder, ModelHost host)
    {
        IsOnCpu = !host.SoundOnGpu;
        (_device, _upload) = IsOnCpu ? (CPU, null) : (host.Device, host.Gpu!.Upload);
        try
        {
            var (config, vocos, hubert) = (CodecConfig.Load(folder), VocosConfig.Load(folder), HubertConfig.Load(folder));
            var codecFile = Path.Combine(folder, "final_ckpt", "ckpt_00360000.pth");
            var codec = Load("codec", codecFile, "codec_model", source => new CodecDecoder(source, config));
            References = new ReferenceEncoder(
                Load("encoder", codecFile, "codec_model", source => new CodecEncoder(source, config, hubert)));
            Decoder = new SongDecoder(
                codec,
                Load("vocoder", Path.Combine(folder, "decoders", "decoder_131000.pth"), null, source => new Vocos(source, vocos)),
                Load("vocoder", Path.Combine(folder, "decoders", "decoder_151000.pth"), null, source => new Vocos(source, vocos)));
            FrameRateHz = config.FrameRateHz;
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>True if the models run on the CPU because there is no GPU, or because the plan has no room for them on the GPU.</summary>
    public bool IsOnCpu { get; }

    /// <summary>Decodes codes to sound.</summary>
    public SongDecoder Decoder { get; }

    /// <summary>Encodes reference clips.</summary>
    public ReferenceEncoder References { get; }

    /// <summary>The codec's frames per second.</summary>
    public int FrameRateHz { get; }

    /// <summary>The models as <c>/health</c> shows them.</summary>
    public IReadOnlyList<ModelStatus> Statuses => _statuses;

    public void Dispose()
    {
        foreach (var owned in Enumerable.Reverse(_owned))
        {
            owned.Dispose();
        }
    }

    private T Load<T>(string role, string file, string? rootKey, Func<ITensorSource, T> create)
        where T : IDisposable
    {
        using var checkpoint = TorchCheckpoint.Open(file, rootKey);
        var source = new CountingSource(new CheckpointTensors(checkpoint, ScalarType.Float32, _device, _upload));
        var model = create(source);
        _owned.Add(model);
        var parameters = source.Parameters;
        _statuses.Add(new ModelStatus(
            Path.GetFileNameWithoutExtension(file), role, "f32", parameters, sizeof(float) * parameters, Loaded: true));
        return model;
    }
}
