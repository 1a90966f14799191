using TorchSharp;
using Yue.Engine.Codec;
using Yue.Engine.Demo;
using Yue.Engine.Llama;
using Yue.Engine.Stage1;
using Yue.Engine.Stage2;
using Yue.Engine.Text;
using Yue.Engine.Vocoder;
using Yue.Engine.Weights;
using static TorchSharp.torch;

namespace Yue.Engine;

/// <summary>A loaded stage-1 checkpoint.</summary>
/// <param name="Name">What requests call it.</param>
/// <param name="Model">The language model.</param>
/// <param name="Decoder">Writes its tokens.</param>
/// <param name="Prompts">Its tokenizer's prompts.</param>
internal sealed record Stage1Model(string Name, LlamaModel Model, IStage1Decoder Decoder, PromptBuilder Prompts);

/// <summary>Every model that a song needs, loaded. Owns them.</summary>
internal sealed class ModelSet : IDisposable
{
    /// <summary>The name of the built-in demo model.</summary>
    public const string DemoName = "demo";

    private readonly List<IDisposable> _owned = [];
    private readonly List<ModelStatus> _status = [];
    private readonly List<Stage1Model> _stage1 = [];
    private readonly Device _device;
    private readonly Gpu? _gpu;
    private readonly bool _isDemo;
    private readonly int _contextTokens;
    private long _plannedBytes;

    /// <summary>An empty set on a device.</summary>
    private ModelSet(EngineOptions options, CheckpointFolders files, bool isDemo)
    {
        // The demo model is too small for the GPU's kernels, and quick enough without.
        _device = TorchDevice(isDemo && options.Device == "auto" ? "cpu" : options.Device);
        _isDemo = isDemo;
        _contextTokens = options.ContextTokens;
        if (_device.type == DeviceType.CUDA)
        {
            _gpu = Own(new Gpu(_device.index, options));
            LlamaConfig[] stage1 = [.. files.Stage1.Select(checkpoint => ConfigOf(checkpoint.Value))];
            var stage2 = LlamaConfig.Load(files.Stage2);
            var plan = MemoryPlan.For(stage1, stage2, new MemoryLimits(_gpu.UsableBytes, _gpu.Weights, options.SongsAtOnce));
            (SongsAtOnce, Stage2Rows, _plannedBytes) = (plan.SongsAtOnce, plan.Stage2Rows, plan.Bytes);
            _gpu.BeginCompiling(
            [
                .. stage1.SelectMany(config => CudaStage1Decoder.BuildsFor(config, _gpu.Weights, SongsAtOnce)),
                .. CudaStage2Decoder.BuildsFor(stage2, _gpu.Weights, Stage2Rows),
            ]);
        }
    }

    /// <summary>How many songs can be in the making: the reference decoders serve one.</summary>
    public int SongsAtOnce { get; } = 1;

    /// <summary>The chunks that stage 2 takes at once.</summary>
    public int Stage2Rows { get; } = 32;

    public IStage2Decoder Stage2 { get; private set; } = null!;

    public SongDecoder Sound { get; private set; } = null!;

    public int FrameRateHz { get; private set; }

    /// <summary>Loads what the options name, or the demo model where they name nothing.</summary>
    /// <param name="options">Which checkpoints, and where they run.</param>
    /// <param name="report">Told what is being loaded and the percent done.</param>
    /// <param name="cancel">Looked at between checkpoints.</param>
    public static ModelSet Load(EngineOptions options, Action<string, double> report, CancellationToken cancel)
    {
        var isDemo = options.Stage1.Count == 0;
        var files = isDemo ? Demo(options, report) : Configured(options);
        var models = new ModelSet(options, files, isDemo);
        try
        {
            var share = 90.0 / (files.Stage1.Count + 2);
            foreach (var (name, folder) in files.Stage1)
            {
                cancel.ThrowIfCancellationRequested();
                var start = models._stage1.Count * share;
                models.LoadStage1(name, folder, options.Tokenizer, done => report($"stage 1 ({name})", start + (done * share)));
            }

            cancel.ThrowIfCancellationRequested();
            models.LoadStage2(files.Stage2, done => report("stage 2", (files.Stage1.Count + done) * share));
            cancel.ThrowIfCancellationRequested();
            report("codec and vocoders", (files.Stage1.Count + 1) * share);
            models.LoadSound(files.Codec);
            models._gpu?.EndLoading();
            return models;
        }
        catch
        {
            models.Dispose();
            throw;
        }
    }

    /// <summary>The checkpoint that a request names; the first one where it names none.</summary>
    public Stage1Model Stage1Named(string? name) => name is null
        ? _stage1[0]
        : _stage1.FirstOrDefault(model => model.Name == name) ?? throw new SongRequestException(
            $"model: {name} is not configured; there is {string.Join(", ", _stage1.Select(model => model.Name))}");

    /// <summary>The models as /health shows them.</summary>
    public EngineStatus Describe(EngineState state) => new()
    {
        State = state,
        Percent = 100,
        IsDemo = _isDemo,
        Models = _status,
        Device = _gpu?.Device.Name ?? "cpu",
        Memory = MemoryNow(),
    };

    /// <summary>Of the device that the models run on.</summary>
    public MemoryStatus MemoryNow()
    {
        if (_gpu is null)
        {
            return new MemoryStatus(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes, Environment.WorkingSet, _plannedBytes);
        }

        var (free, total) = _gpu.Device.Memory;
        return new MemoryStatus(total, total - free, _plannedBytes);
    }

    public void Dispose()
    {
        foreach (var owned in Enumerable.Reverse(_owned))
        {
            owned.Dispose();
        }
    }

    private void LoadStage1(string name, string folder, string? tokenizer, Action<double> report)
    {
        var model = LoadLlama(name, "stage1", folder, report);
        IStage1Decoder decoder = _gpu is null
            ? new TorchStage1Decoder(model, SongsAtOnce)
            : new CudaStage1Decoder(model, _gpu, SongsAtOnce);
        Own(decoder);
        var prompts = new PromptBuilder(YueTokenizer.Load(tokenizer ?? Path.Combine(folder, "tokenizer.model")));
        _stage1.Add(new Stage1Model(name, model, decoder, prompts));
    }

    private void LoadStage2(string folder, Action<double> report)
    {
        var model = LoadLlama(Path.GetFileName(Path.TrimEndingDirectorySeparator(folder)), "stage2", folder, report);
        Stage2 = _gpu is null
            ? new TorchStage2Decoder(model, Stage2Rows, Stage2Mask.SlotExact)
            : new CudaStage2Decoder(model, _gpu, Stage2Rows);
        Own(Stage2);
    }

    private LlamaModel LoadLlama(string name, string role, string folder, Action<double> report)
    {
        var config = ConfigOf(folder);
        var dtype = _gpu is null ? ScalarType.Float32 : ScalarType.BFloat16;
        using var checkpoint = SafetensorsCheckpoint.Open(folder);
        var weights = LlamaWeights.Load(config, new CheckpointTensors(checkpoint, dtype, _device, _gpu?.Upload), _gpu?.Quantizer, report);
        Loaded(name, role, weights.Parameters, _gpu?.WeightsName ?? "f32");
        return Own(new LlamaModel(config, weights));
    }

    /// <summary>A checkpoint's dimensions, its context cut to the settings' limit.</summary>
    private LlamaConfig ConfigOf(string folder)
    {
        var config = LlamaConfig.Load(folder);
        return _contextTokens > 0 ? config with { MaxPositions = Math.Min(config.MaxPositions, _contextTokens) } : config;
    }

    /// <summary>The codec and the vocoders compute in F32 on every device (MODEL.md 5).</summary>
    private void LoadSound(string folder)
    {
        var config = CodecConfig.Load(folder);
        var vocos = VocosConfig.Load(folder);
        var codec = LoadSound("codec", Path.Combine(folder, "final_ckpt", "ckpt_00360000.pth"), "codec_model", source => new CodecDecoder(source, config));
        Sound = new SongDecoder(
            codec,
            LoadSound("vocoder", Path.Combine(folder, "decoders", "decoder_131000.pth"), null, source => new Vocos(source, vocos)),
            LoadSound("vocoder", Path.Combine(folder, "decoders", "decoder_151000.pth"), null, source => new Vocos(source, vocos)));
        FrameRateHz = config.FrameRateHz;
    }

    private T LoadSound<T>(string role, string file, string? rootKey, Func<ITensorSource, T> create)
        where T : IDisposable
    {
        using var checkpoint = TorchCheckpoint.Open(file, rootKey);
        var source = new CountingSource(new CheckpointTensors(checkpoint, ScalarType.Float32, _device, _gpu?.Upload));
        var model = Own(create(source));
        Loaded(Path.GetFileNameWithoutExtension(file), role, source.Parameters, "f32");
        return model;
    }

    private void Loaded(string name, string role, long parameters, string type)
    {
        _status.Add(new ModelStatus(name, role, type, parameters, Loaded: true));
        if (_gpu is null)
        {
            _plannedBytes += parameters * sizeof(float);
        }
    }

    private T Own<T>(T item)
        where T : IDisposable
    {
        _owned.Add(item);
        return item;
    }

    private static Device TorchDevice(string name) => name switch
    {
        "auto" => device(cuda.is_available() ? "cuda" : "cpu"),
        _ => device(name),
    };

    private static CheckpointFolders Demo(EngineOptions options, Action<string, double> report)
    {
        report("making the demo model", 0);
        var folders = DemoModel.Ensure(options.CacheFolder);
        return new CheckpointFolders([new(DemoName, folders.Stage1)], folders.Stage2, folders.Codec);
    }

    private static CheckpointFolders Configured(EngineOptions options) => new(
        [.. options.Stage1],
        options.Stage2 ?? throw new CheckpointException("settings", "Stage2 is not set: it names the stage-2 checkpoint folder"),
        options.Codec ?? throw new CheckpointException("settings", "Codec is not set: it names the xcodec_mini_infer folder"));

    private sealed record CheckpointFolders(IReadOnlyList<KeyValuePair<string, string>> Stage1, string Stage2, string Codec);
}
