using Yue.Cuda.Compilation;
using Yue.Engine.Families.Yue1.Stage1;
using Yue.Engine.Families.Yue1.Stage2;
using Yue.Engine.Families.Yue1.Text;
using Yue.Engine.Llama;
using Yue.Engine.Residency;
using Yue.Engine.Songs;
using Yue.Engine.Weights;

namespace Yue.Engine.Families.Yue1;

/// <summary>The models of YuE 1. The stage-1 checkpoints and the stage-2 checkpoint are on the shelf; the codec and the vocoders are
/// resident.</summary>
internal sealed class Yue1Songs : IFamilySongs
{
    private readonly Yue1Checkpoints _files;
    private readonly LlamaConfig[] _stage1Configs;
    private readonly LlamaConfig _stage2Config;
    private readonly Yue1Costs _costs;
    private readonly Lazy<PromptBuilder>[] _prompts;            // one for each stage-1 checkpoint
    private readonly Dictionary<string, ShelfModel> _stage1 = new(StringComparer.Ordinal);
    private ModelHost? _host;
    private ShelfModel? _stage2;
    private SoundModels? _sound;
    private IReadOnlyList<ModelStatus> _soundStatuses = [];     // as of the last load

    /// <summary>Reads the checkpoints' dimensions and checks that the LoRA adapters fit, without loading weights.</summary>
    public Yue1Songs(Yue1Checkpoints files)
    {
        _files = files;
        _stage1Configs = [.. files.Stage1.Select(checkpoint => files.Stage1Config(checkpoint.Value))];
        _stage2Config = LlamaConfig.Load(files.Stage2);
        _costs = new Yue1Costs(_stage1Configs, _stage2Config);
        _prompts = [.. files.Stage1.Select(checkpoint => new Lazy<PromptBuilder>(() => files.Prompts(checkpoint.Value)))];
        Names = [.. files.Stage1.Select(checkpoint => checkpoint.Key)];
        foreach (var (name, folder) in files.Stage1)
        {
            if (files.AdapterOf(name) is { } adapter)
            {
                LoraAdapter.Check(adapter, folder);
            }
        }
    }

    /// <summary>The description of the family. It includes early sound if stage 2 fits into memory together with every stage-1 model;
    /// otherwise, the sound begins after stage 1.</summary>
    public FamilyDescription Family =>
        _stage2 is { } stage2 && _stage1.Values.All(model => Host.Shelf.HasRoomFor(model, stage2))
            ? Yue1Family.AboutEarly
            : Yue1Family.About;

    public IReadOnlyList<string> Names { get; }

    public IFamilyCosts Costs => _costs;

    public bool PreferCpu => _files.IsDemo;

    /// <summary>A request for one second of sound.</summary>
    public SongRequest WarmUp { get; } = new() { Lyrics = "[verse]\nla", MaxNewTokens = SongLimits.MinMaxNewTokens, RunNSegments = 1 };

    /// <summary>The codec and the vocoders.</summary>
    public SoundModels Sound => _sound ?? throw NotLoaded();

    /// <summary>The devices of the models.</summary>
    public SongDevices Devices => new(Host.Gpu is not null, Host.SoundOnGpu);

    /// <summary>The pace at which the models sing.</summary>
    public SingingPace Pace => SingingPace.Of(_files.IsDemo);

    /// <summary>The step times of all songs.</summary>
    public StepTimes Times { get; } = new();

    /// <summary>The number of songs being made that need stage 2 and have not begun a chunk.</summary>
    public int BeforeStage2 { get; set; }

    private ModelHost Host => _host ?? throw NotLoaded();

    public IEnumerable<KernelBuild> Kernels(Gpu gpu, Capacity capacity) =>
    [
        .. _stage1Configs.SelectMany(config => CudaStage1Decoder.BuildsFor(
            config, config.TypeOnGpu(gpu.Weights), gpu.Cache, capacity.Songs)),
        .. CudaStage2Decoder.BuildsFor(_stage2Config, _stage2Config.TypeOnGpu(gpu.Weights), gpu.Cache, capacity.Rows),
    ];

    /// <summary>Adds the models to the shelf. If not all of them fit, the default checkpoint and stage 2 take precedence.</summary>
    public void Shelve(ModelHost host)
    {
        _host = host;
        ShelveStage1(host, 0);
        var name = Path.GetFileName(Path.TrimEndingDirectorySeparator(_files.Stage2));
        _stage2 = new ShelfModel(name, host.Plan.BytesOf(_costs.Stage2), report => Stage2Model.Load(
            _files.Stage2, _stage2Config, Yue1Costs.CpuRows(_stage2Config), host, report))
        {
            Title = "stage 2",
        };
        host.Shelf.Add(_stage2);
        for (var i = 1; i < Names.Count; i++)
        {
            ShelveStage1(host, i);
        }
    }

    public IReadOnlyList<ShelfModel> ShelfOf(string name) => _stage1.TryGetValue(name, out var stage1) ? [stage1, _stage2!] : [];

    public void LoadResident(Action<string> report)
    {
        if (_sound is not null)
        {
            return;
        }

        report("codec and vocoders");
        _sound = new SoundModels(_files.Codec, Host);
        _soundStatuses = _sound.Statuses;
        if (!_sound.IsOnCpu)
        {
            _sound.Decoder.WarmUp();
        }
    }

    public void Dispose() => UnloadResident();

    public void UnloadResident()
    {
        _sound?.Dispose();
        _sound = null;
    }

    public IReadOnlyList<ModelStatus> Statuses() =>
    [
        .. Names.Select((name, i) => Status(_stage1[name], "stage1", _costs.Stage1[i], _stage1Configs[i])),
        Status(_stage2!, "stage2", _costs.Stage2, _stage2Config),
        .. _soundStatuses.Select(status => status with { Loaded = _sound is not null }),
    ];

    public SongMeasure Measure(SongRequest request)
    {
        var i = request.Model is null ? 0 : Names.Index().First(name => name.Item == request.Model).Index;
        return PromptMeasure.Of(request, _prompts[i].Value, _stage1Configs[i].MaxPositions, _files.IsLyricsOnly(i));
    }

    public double WorkOf(SongRequest request) => SongEffort.WorkOf(request, Pace, Devices);

    public ISongWork Create(SongOrder order) => new SongWork(order, this);

    /// <summary>Leases a stage-1 checkpoint from the shelf.</summary>
    /// <param name="name">Its name; null for the default one.</param>
    /// <returns>The model, which the caller disposes; null if the models of other songs leave no memory for it.</returns>
    public ModelLease<Stage1Model>? TryTakeStage1(string? name) => Host.Shelf.TryLease<Stage1Model>(_stage1[name ?? Names[0]]);

    /// <summary>Leases the stage-2 checkpoint from the shelf.</summary>
    /// <returns>The model, which the caller disposes; null if the models of other songs leave no memory for it.</returns>
    public ModelLease<Stage2Model>? TryTakeStage2() => Host.Shelf.TryLease<Stage2Model>(_stage2!);

    private static InvalidOperationException NotLoaded() => new("the models are not loaded yet");

    private void ShelveStage1(ModelHost host, int i)
    {
        var (name, folder) = _files.Stage1[i];
        var model = new ShelfModel(
            name,
            host.Plan.BytesOf(_costs.Stage1[i]),
            report => Stage1Model.Load(
                name, folder, _files.AdapterOf(name), _stage1Configs[i], () => _prompts[i].Value, _files.IsLyricsOnly(i), host, report))
        {
            Title = $"stage 1 ({name})",
        };
        _stage1.Add(name, model);
        host.Shelf.Add(model);
    }

    private ModelStatus Status(ShelfModel model, string role, IModelCosts costs, LlamaConfig config)
    {
        var type = Host.Gpu is { } gpu ? Gpu.NameOf(config.TypeOnGpu(gpu.Weights)) : Host.WeightsName;
        return new ModelStatus(model.Name, role, type, costs.Parameters, model.Bytes, model.Loaded is not null);
    }
}
