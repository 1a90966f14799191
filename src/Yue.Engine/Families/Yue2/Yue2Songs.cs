using Yue.Cuda.Compilation;
using Yue.Cuda.Decode;
using Yue.Engine.Families.Yue2.Backbone;
using Yue.Engine.Families.Yue2.Stages;
using Yue.Engine.Families.Yue2.Text;
using Yue.Engine.Families.Yue2.Vae;
using Yue.Engine.Residency;
using Yue.Engine.Songs;
using Yue.Engine.Weights;
using static TorchSharp.torch;

namespace Yue.Engine.Families.Yue2;

/// <summary>The models of YuE 2. The checkpoints are on the shelf; the sound decoder is resident.</summary>
internal sealed class Yue2Songs : IFamilySongs
{
    private readonly KeyValuePair<string, string>[] _checkpoints;
    private readonly string _vaeFolder;
    private readonly LoadYue2 _load;
    private readonly Yue2Config[] _configs;
    private readonly VaeConfig _vaeConfig;
    private readonly Yue2Costs _costs;
    private readonly Lazy<BytePairTokenizer>[] _tokenizers;         // one for each checkpoint
    private readonly Dictionary<string, ShelfModel> _models = new(StringComparer.Ordinal);
    private ModelHost? _host;
    private SnakeKernel? _snake;
    private VaeDecoder? _vae;

    /// <summary>Reads the checkpoints' dimensions without loading weights.</summary>
    /// <param name="checkpoints">The folders, each with the name that requests use, the default one first.</param>
    /// <param name="vaeFolder">The folder of the sound decoder.</param>
    /// <param name="contextTokens">The maximum context in tokens; 0 means the checkpoint's limit.</param>
    /// <param name="load">Loads a checkpoint.</param>
    /// <exception cref="CheckpointException">A checkpoint is missing or invalid, or does not match the sound decoder.</exception>
    public Yue2Songs(IEnumerable<KeyValuePair<string, string>> checkpoints, string vaeFolder, int contextTokens, LoadYue2 load)
    {
        (_checkpoints, _vaeFolder, _load) = ([.. checkpoints], vaeFolder, load);
        _configs = [.. _checkpoints.Select(checkpoint => Yue2Config.Load(checkpoint.Value).WithContext(contextTokens))];
        _vaeConfig = VaeConfig.Load(vaeFolder);
        _costs = new Yue2Costs(_configs, _vaeConfig);
        _tokenizers = [.. _checkpoints.Select(checkpoint => new Lazy<BytePairTokenizer>(() => BytePairTokenizer.Load(checkpoint.Value)))];
        Names = [.. _checkpoints.Select(checkpoint => checkpoint.Key)];
        foreach (var folder in _checkpoints.Select(checkpoint => checkpoint.Value).Append(vaeFolder))
        {
            WeightsManifest.Check(folder);
        }

        foreach (var config in _configs)
        {
            if (config.LatentSize != _vaeConfig.LatentSize)
            {
                throw new CheckpointException(
                    vaeFolder,
                    $"latent_dim is {_vaeConfig.LatentSize}, and the model's is {config.LatentSize}: the checkpoints do not match");
            }
        }
    }

    public FamilyDescription Family => Yue2Family.About;

    public IReadOnlyList<string> Names { get; }

    public IFamilyCosts Costs => _costs;

    public bool PreferCpu => false;

    /// <summary>A request for one second of sound with a score.</summary>
    public SongRequest WarmUp { get; } = new()
    {
        Lyrics = "[verse]\nla",
        Score = "X:1\nK:C\n",
        Plan = ScorePlan.Full,
        TargetSeconds = [1],
        Sampling = Yue2Family.About.Sampling with { FlowSteps = 1 },
    };

    /// <summary>The sound decoder.</summary>
    public VaeDecoder Vae => _vae ?? throw NotLoaded();

    /// <summary>True if the models are on a GPU.</summary>
    public bool OnGpu => Host.Gpu is not null;

    private ModelHost Host => _host ?? throw NotLoaded();

    public IEnumerable<KernelBuild> Kernels(Gpu gpu, Capacity capacity) =>
    [
        .. _configs.SelectMany(config => CudaStageDecoder.BuildsFor(config.Language, gpu.Weights, gpu.Cache, capacity.Songs)),
        BlockKernels.Build,
        SnakeKernel.Build,
    ];

    public void Shelve(ModelHost host)
    {
        _host = host;
        for (var i = 0; i < _checkpoints.Length; i++)
        {
            var (name, folder, config) = (_checkpoints[i].Key, _checkpoints[i].Value, _configs[i]);
            var model = new ShelfModel(name, host.Plan.BytesOf(_costs.Models[i]), report => _load(folder, config, host, report));
            _models.Add(name, model);
            host.Shelf.Add(model);
        }
    }

    public IReadOnlyList<ShelfModel> ShelfOf(string name) => _models.TryGetValue(name, out var model) ? [model] : [];

    public void LoadResident(Action<string> report)
    {
        if (_vae is not null)
        {
            return;
        }

        report("sound decoder");
        using var checkpoint = VaeCheckpoint.Open(_vaeFolder);
        var source = new CheckpointTensors(checkpoint, ScalarType.Float32, Host.Device, Host.Gpu?.Upload);
        _snake ??= Host.Gpu is { } gpu ? new SnakeKernel(gpu.Device, gpu.Kernels) : null;
        _vae = new VaeDecoder(_vaeConfig, source, _snake);
        if (OnGpu)
        {
            VaeTiles.WarmUp(_vae, Host.Device);
        }
    }

    public IReadOnlyList<ModelStatus> Statuses() =>
    [
        .. Names.Select((name, i) => new ModelStatus(
            name, "yue2", Host.WeightsName, _costs.Models[i].Parameters, _models[name].Bytes, _models[name].Loaded is not null)),
        new(
            Path.GetFileName(Path.TrimEndingDirectorySeparator(_vaeFolder)),
            "vae",
            "f32",
            _vaeConfig.Parameters,
            sizeof(float) * _vaeConfig.Parameters,
            _vae is not null),
    ];

    public SongMeasure Measure(SongRequest request)
    {
        var i = IndexOf(request.Model);
        var (context, script) = (_configs[i].Language.MaxPositions, ScriptOf(request));
        var findings = new List<SongFinding>();
        if (request.Score is { } score && ScoreText.WarningOf(score) is { } warning)
        {
            findings.Add(new("not_abc", "score", warning));
        }

        try
        {
            if (script.WritesScore)
            {
                return new(script.Score().PromptLength, context, findings);
            }

            var music = script.Music(written: null);
            if (music.Warning is { } changed)
            {
                findings.Add(new("score_not_used", "instrumental", changed));
            }

            return new(music.Order.PromptLength, context, findings);
        }
        catch (SongRequestException fault)
        {
            return new(0, context, findings)
            {
                Fault = new("prompt_too_long", LongestField(request), fault.Message),
            };
        }
    }

    public double WorkOf(SongRequest request) => SongEffort.Of(request, ScriptOf(request), OnGpu).LikelyWork;

    public ISongWork Create(SongOrder order) => new SongWork(order, this);

    /// <summary>Leases a checkpoint from the shelf.</summary>
    /// <param name="name">Its name; null for the default one.</param>
    /// <returns>The model, which the caller disposes; null if the models of other songs leave no memory for it.</returns>
    public ModelLease<Yue2Model>? TryTake(string? name) => Host.Shelf.TryLease<Yue2Model>(_models[name ?? Names[0]]);

    /// <summary>Returns the prompts, budgets and settings of a song.</summary>
    public SongScript ScriptOf(SongRequest request)
    {
        var i = IndexOf(request.Model);
        return new SongScript(request, _tokenizers[i].Value, _configs[i].Language.MaxPositions);
    }

    public void Dispose() => UnloadResident();

    public void UnloadResident()
    {
        _vae?.Dispose();
        _snake?.Dispose();
        (_vae, _snake) = (null, null);
    }

    /// <summary>Returns the name of the longest request field among those in the prompt.</summary>
    private static string LongestField(SongRequest request)
    {
        (string Name, int Length)[] fields =
            [("lyrics", request.Lyrics.Length), ("genre", request.Genre.Length), ("score", request.Score?.Length ?? 0)];
        return fields.MaxBy(field => field.Length).Name;
    }

    private static InvalidOperationException NotLoaded() => new("the models are not loaded yet");

    private int IndexOf(string? model) => model is null ? 0 : Names.Index().First(name => name.Item == model).Index;
}
