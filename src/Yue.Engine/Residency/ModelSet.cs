using System.Globalization;
using TorchSharp;
using Yue.Engine.Families.Yue1.Codec;
using Yue.Engine.Families.Yue1.Decode;
using Yue.Engine.Families.Yue1.Demo;
using Yue.Engine.Families.Yue1.Stage1;
using Yue.Engine.Families.Yue1.Stage2;
using Yue.Engine.Families.Yue1.Text;
using Yue.Engine.Families.Yue1.Vocoder;
using Yue.Engine.Llama;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;
using Yue.Engine.Weights;
using static TorchSharp.torch;

namespace Yue.Engine.Residency;

/// <summary>A stage-1 checkpoint in memory.</summary>
/// <param name="Name">What requests call it.</param>
/// <param name="Decoder">Writes its tokens.</param>
/// <param name="Prompts">Its tokenizer's prompts.</param>
/// <param name="Weights">The model behind the decoder.</param>
/// <param name="IsLyricsOnly">Whether it is a <c>-cot</c> checkpoint by its name: one not trained on audio prompts.</param>
internal sealed record Stage1Model(string Name, IStage1Decoder Decoder, PromptBuilder Prompts, LlamaModel Weights, bool IsLyricsOnly) : IDisposable
{
    public void Dispose()
    {
        Decoder.Dispose();
        Weights.Dispose();
    }
}

/// <summary>The stage-2 checkpoint in memory.</summary>
/// <param name="Decoder">Adds the residual codebooks.</param>
/// <param name="Weights">The model behind the decoder.</param>
internal sealed record Stage2Model(IStage2Decoder Decoder, LlamaModel Weights) : IDisposable
{
    public void Dispose()
    {
        Decoder.Dispose();
        Weights.Dispose();
    }
}

/// <summary>Every model that a song needs: codec and vocoders in memory for good, language models as the memory plan has room. Owns them.</summary>
internal sealed class ModelSet : IDisposable
{
    /// <summary>The name of the built-in demo model.</summary>
    public const string DemoName = "demo";

    private readonly List<IDisposable> _owned = [];
    private readonly List<ModelStatus> _sounds = [];
    private readonly Dictionary<ShelfModel, LlamaConfig> _configs = [];
    private readonly List<ShelfModel> _stage1 = [];
    private readonly ShelfModel _stage2;
    private readonly ModelShelf _shelf;
    private readonly Device _device;
    private readonly Gpu? _gpu;
    private readonly EngineOptions _options;
    private readonly MemoryPlan _plan;
    private readonly bool _isDemo;

    /// <summary>Models that are known and planned for, none of them in memory.</summary>
    private ModelSet(EngineOptions options, CheckpointFolders files, Action loadingOnDemand, bool isDemo)
    {
        // The demo model is too small for the GPU's kernels, and quick enough without.
        _device = TorchDevice(isDemo && options.Device == "auto" ? "cpu" : options.Device);
        (_options, _isDemo) = (options, isDemo);
        var stage1 = files.Stage1.Select(checkpoint => (checkpoint.Key, Folder: checkpoint.Value, Config: ConfigOf(checkpoint.Value))).ToArray();
        var stage2 = LlamaConfig.Load(files.Stage2);
        if (_device.type == DeviceType.CUDA)
        {
            _gpu = Own(new Gpu(_device.index, options));
        }

        LlamaConfig[] configs = [.. stage1.Select(checkpoint => checkpoint.Config)];
        _plan = PlanFor(configs, stage2);
        _gpu?.BeginCompiling(
        [
            .. configs.SelectMany(config => CudaStage1Decoder.BuildsFor(config, _gpu.Weights, _gpu.Cache, SongsAtOnce)),
            .. CudaStage2Decoder.BuildsFor(stage2, _gpu.Weights, _gpu.Cache, _plan.Stage2Rows),
        ]);
        _shelf = Own(new ModelShelf(_plan.ModelBytes, () => _gpu?.ReleaseUnused(), loadingOnDemand));

        // What comes in first, where not everything fits: the default checkpoint and stage 2.
        ShelfModel Checkpoint(int i) => Shelve(
            stage1[i].Key, stage1[i].Config, _plan.Stage1Bytes(stage1[i].Config), report => LoadStage1(stage1[i].Key, stage1[i].Folder, report));
        _stage1.Add(Checkpoint(0));
        _stage2 = Shelve(
            Path.GetFileName(Path.TrimEndingDirectorySeparator(files.Stage2)), stage2, _plan.Stage2Bytes(stage2), report => LoadStage2(files.Stage2, report));
        _stage1.AddRange(Enumerable.Range(1, stage1.Length - 1).Select(Checkpoint));
    }

    /// <summary>How many songs can be in the making: the reference decoders serve one.</summary>
    public int SongsAtOnce => _plan.SongsAtOnce;

    public SongDecoder Sound { get; private set; } = null!;

    public ReferenceEncoder References { get; private set; } = null!;

    public int FrameRateHz { get; private set; }

    private string WeightsName => _gpu?.WeightsName ?? "f32";

    /// <summary>Whether configured checkpoints run on the CPU only because there is no GPU that can be used.</summary>
    public static bool LacksGpu(EngineOptions options) => options is { Device: "auto", Stage1.Count: > 0 } && !cuda.is_available();

    /// <summary>Loads what the options name, or the demo model where they name nothing.</summary>
    /// <param name="options">Which checkpoints, and where they run.</param>
    /// <param name="report">Told what is being loaded and the percent done.</param>
    /// <param name="loadingOnDemand">Called for every part of a model that loads later, when a song needs it.</param>
    /// <param name="cancel">Looked at between checkpoints.</param>
    public static ModelSet Load(EngineOptions options, Action<string, double> report, Action loadingOnDemand, CancellationToken cancel)
    {
        const double SoundPercent = 90;
        var isDemo = options.Stage1.Count == 0;
        var files = isDemo ? Demo() : Configured(options);
        var models = new ModelSet(options, files, loadingOnDemand, isDemo);
        try
        {
            var (share, begun) = (SoundPercent / models._shelf.Models.Count, 0);
            models._shelf.LoadWhatFits(
                model => report(models.Title(model), share * begun++),
                (model, done) => report(models.Title(model), share * (begun - 1 + done)),
                cancel);
            cancel.ThrowIfCancellationRequested();
            report("codec and vocoders", SoundPercent);
            models.LoadSound(files.Codec);
            return models;
        }
        catch
        {
            models.Dispose();
            throw;
        }
    }

    /// <summary>Takes the checkpoint that a request names, the first one where it names none.</summary>
    /// <returns>Null while the models that other songs need leave no room for it; the caller disposes it.</returns>
    /// <exception cref="SongRequestException">There is no such checkpoint.</exception>
    public ModelLease<Stage1Model>? TryTakeStage1(string? name)
    {
        var model = name is null
            ? _stage1[0]
            : _stage1.FirstOrDefault(model => model.Name == name) ?? throw new SongRequestException(
                $"model: {name} is not configured; there is {string.Join(", ", _stage1.Select(model => model.Name))}");
        return _shelf.TryTake(model) ? new ModelLease<Stage1Model>(model) : null;
    }

    /// <summary>Takes the stage-2 checkpoint.</summary>
    /// <returns>Null while the models that other songs need leave no room for it; the caller disposes it.</returns>
    public ModelLease<Stage2Model>? TryTakeStage2() => _shelf.TryTake(_stage2) ? new ModelLease<Stage2Model>(_stage2) : null;

    /// <summary>The models as /health shows them.</summary>
    public EngineStatus Describe(EngineState state) => new()
    {
        State = state,
        Percent = 100,
        IsDemo = _isDemo,
        Models = ModelsNow(),
        Device = _gpu?.Device.Name ?? "cpu",
        Memory = MemoryNow(),
    };

    /// <summary>Which models are in memory.</summary>
    public IReadOnlyList<ModelStatus> ModelsNow() =>
    [
        .. _stage1.Append(_stage2).Select(model => new ModelStatus(
            model.Name, model == _stage2 ? "stage2" : "stage1", WeightsName, MemoryPlan.Parameters(_configs[model]), model.Loaded is not null)),
        .. _sounds,
    ];

    /// <summary>Of the device that the models run on.</summary>
    public MemoryStatus MemoryNow()
    {
        if (_gpu is null)
        {
            return new MemoryStatus(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes, Environment.WorkingSet, _plan.Bytes);
        }

        var (free, total) = _gpu.Device.Memory;
        return new MemoryStatus(total, total - free, _plan.Bytes);
    }

    public void Dispose()
    {
        foreach (var owned in Enumerable.Reverse(_owned))
        {
            owned.Dispose();
        }
    }

    /// <summary>Nothing stays open where there is no plan: the set that would own it does not come to be.</summary>
    private MemoryPlan PlanFor(LlamaConfig[] stage1, LlamaConfig stage2)
    {
        try
        {
            return _gpu is null ? MemoryPlan.ForCpu(stage1, stage2, _options) : MemoryPlan.For(stage1, stage2, MemoryLimits.Of(_gpu, _options));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    private string Title(ShelfModel model) => model == _stage2 ? "stage 2" : $"stage 1 ({model.Name})";

    private ShelfModel Shelve(string name, LlamaConfig config, long bytes, Func<Action<double>, IDisposable> load)
    {
        var model = new ShelfModel(name, bytes, load);
        _configs.Add(model, config);
        _shelf.Add(model);
        return model;
    }

    /// <summary>The config files of both kinds are the same; the published names tell them apart (docs/model.md 1).</summary>
    private static bool IsLyricsOnly(string name) => name.EndsWith("-cot", StringComparison.OrdinalIgnoreCase);

    private Stage1Model LoadStage1(string name, string folder, Action<double> report)
    {
        var model = LoadLlama(ConfigOf(folder), folder, report);
        try
        {
            var prompts = new PromptBuilder(YueTokenizer.Load(_options.Tokenizer ?? Path.Combine(folder, "tokenizer.model")), latinOnly: _isDemo);
            IStage1Decoder decoder = _gpu is null ? new TorchStage1Decoder(model, SongsAtOnce) : new CudaStage1Decoder(model, _gpu, SongsAtOnce);
            return new Stage1Model(name, decoder, prompts, model, IsLyricsOnly(name) || IsLyricsOnly(Path.TrimEndingDirectorySeparator(folder)));
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    private Stage2Model LoadStage2(string folder, Action<double> report)
    {
        var model = LoadLlama(LlamaConfig.Load(folder), folder, report);
        try
        {
            IStage2Decoder decoder = _gpu is null
                ? new TorchStage2Decoder(model, _plan.Stage2Rows, Stage2Mask.SlotExact)
                : new CudaStage2Decoder(model, _gpu, _plan.Stage2Rows);
            return new Stage2Model(decoder, model);
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    private LlamaModel LoadLlama(LlamaConfig config, string folder, Action<double> report)
    {
        var dtype = _gpu?.Dtype ?? ScalarType.Float32;
        using var checkpoint = SafetensorsCheckpoint.Open(folder);
        var weights = LlamaWeights.Load(config, new CheckpointTensors(checkpoint, dtype, _device, _gpu?.Upload), _gpu?.Quantizer, report);
        return new LlamaModel(config, weights);
    }

    /// <summary>A checkpoint's dimensions, its context cut to the settings' limit.</summary>
    private LlamaConfig ConfigOf(string folder)
    {
        var config = LlamaConfig.Load(folder);
        return _options.ContextTokens > 0 ? config with { MaxPositions = Math.Min(config.MaxPositions, _options.ContextTokens) } : config;
    }

    /// <summary>The codec and the vocoders compute in F32 on every device (docs/model.md 5).</summary>
    private void LoadSound(string folder)
    {
        var config = CodecConfig.Load(folder);
        var vocos = VocosConfig.Load(folder);
        var hubert = HubertConfig.Load(folder);
        var codecFile = Path.Combine(folder, "final_ckpt", "ckpt_00360000.pth");
        var codec = LoadSound("codec", codecFile, "codec_model", source => new CodecDecoder(source, config));
        References = new ReferenceEncoder(LoadSound("encoder", codecFile, "codec_model", source => new CodecEncoder(source, config, hubert)));
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
        _sounds.Add(new ModelStatus(Path.GetFileNameWithoutExtension(file), role, "f32", source.Parameters, Loaded: true));
        return model;
    }

    private T Own<T>(T item)
        where T : IDisposable
    {
        _owned.Add(item);
        return item;
    }

    private static Device TorchDevice(string name)
    {
        var gpus = cuda.is_available() ? cuda.device_count() : 0;
        var index = name.StartsWith("cuda:", StringComparison.Ordinal) ? int.Parse(name.AsSpan("cuda:".Length), CultureInfo.InvariantCulture) : 0;
        return name switch
        {
            "auto" => device(gpus > 0 ? "cuda" : "cpu"),
            "cpu" => CPU,
            _ when index < gpus => device(name),
            _ => throw new InvalidOperationException(
                $"Device is {name}, and this build finds {gpus} GPUs here; yue doctor says why, and Device auto takes what there is."),
        };
    }

    private static CheckpointFolders Demo() => new([new(DemoName, DemoModel.Folders.Stage1)], DemoModel.Folders.Stage2, DemoModel.Folders.Codec);

    private static CheckpointFolders Configured(EngineOptions options) => new(
        [.. options.Stage1],
        options.Stage2 ?? throw new CheckpointException("settings", "Stage2 is not set: it names the stage-2 checkpoint folder"),
        options.Codec ?? throw new CheckpointException("settings", "Codec is not set: it names the xcodec_mini_infer folder"));

    private sealed record CheckpointFolders(IReadOnlyList<KeyValuePair<string, string>> Stage1, string Stage2, string Codec);
}
