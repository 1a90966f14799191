using System.Collections.Concurrent;
using System.Collections.Frozen;
using Yue.Cuda.Compilation;
using Yue.Engine.Audio;
using Yue.Engine.Families;
using Yue.Engine.Residency;
using Yue.Engine.Songs;

namespace Yue.Engine.Tests.Families;

/// <summary>A second model family with one model on the shelf and one that is not on the shelf. Its songs take
/// <see cref="SongRequest.RunNSegments"/> shared steps or, if this is 0, run until they are cancelled.</summary>
/// <param name="parameters">The number of weights of the model on the shelf.</param>
internal sealed class FakeFamily(long parameters = 1000) : IModelFamily
{
    /// <summary>The name of the file by which a folder is recognized.</summary>
    public const string FileName = "fake.json";

    /// <summary>The genre of a song that fails in its second step.</summary>
    public const string FailingGenre = "fails";

    public static FamilyDescription About { get; } = new(
        "fake", "Fake", FrozenSet.Create(SongCapability.Score, SongCapability.EarlySound), FrozenSet.Create("lyrics", "abc"))
    {
        Licence = new("MIT", new("https://example.org")),
    };

    /// <summary>The opened models.</summary>
    public FakeSongs? Opened { get; private set; }

    public bool Recognizes(string folder) => File.Exists(Path.Combine(folder, FileName));

    public IFamilySongs Open(IReadOnlyList<KeyValuePair<string, string>> checkpoints) =>
        Opened = new FakeSongs([.. checkpoints.Select(checkpoint => checkpoint.Key)], parameters);
}

/// <summary>The models of the fake family. They record their loads, steps and disposed songs.</summary>
internal sealed class FakeSongs(IReadOnlyList<string> names, long parameters) : IFamilySongs, IFamilyCosts, IModelCosts, ISharedStep
{
    private ModelHost _host = null!;
    private ShelfModel _model = null!;
    private bool _hasRenderer;

    public FamilyDescription Family => FakeFamily.About;

    public IReadOnlyList<string> Names => names;

    public SongRequest WarmUp { get; } = new() { Lyrics = "", RunNSegments = 1 };

    public IFamilyCosts Costs => this;

    public bool PreferCpu => true;

    public long Parameters => parameters;

    IReadOnlyList<IReadOnlyList<IModelCosts>> IFamilyCosts.Songs => [[this]];

    /// <summary>Each load (+) and unload (-) of a model.</summary>
    public ConcurrentQueue<string> Loads { get; } = new();

    /// <summary>The number of songs in each shared step.</summary>
    public ConcurrentQueue<int> Steps { get; } = new();

    /// <summary>The number of songs that were disposed.</summary>
    public int Disposed { get; private set; }

    public long WorkingBytes(MemoryLimits limits) => 0;

    public long WeightBytes(MemoryLimits limits) => 2 * parameters;

    public long CacheBytes(MemoryLimits limits, Capacity capacity) => capacity.Songs;

    public IEnumerable<KernelBuild> Kernels(Residency.Gpu gpu, Capacity capacity) => [];

    public void Shelve(ModelHost host)
    {
        _host = host;
        _model = new ShelfModel(names[0], host.Plan.BytesOf(this), _ => new Loaded("model", Loads));
        host.Shelf.Add(_model);
    }

    public IReadOnlyList<ShelfModel> ShelfOf(string name) => names.Contains(name) ? [_model] : [];

    public void LoadResident(Action<string> report)
    {
        if (!_hasRenderer)
        {
            _hasRenderer = true;
            report("renderer");
            Loads.Enqueue("+renderer");
        }
    }

    public void Dispose() => UnloadResident();

    public void UnloadResident()
    {
        if (_hasRenderer)
        {
            _hasRenderer = false;
            Loads.Enqueue("-renderer");
        }
    }

    public IReadOnlyList<ModelStatus> Statuses() =>
        [new(names[0], "writer", _host.WeightsName, parameters, _model.Bytes, _model.Loaded is not null)];

    public double WorkOf(SongRequest request) => 1;

    public SongMeasure Measure(SongRequest request) => new(request.Lyrics.Length, 100, []);

    public ISongWork Create(SongOrder order) => new Work(this, order);

    public void Advance(IReadOnlyList<ISongWork> songs)
    {
        Steps.Enqueue(songs.Count);
        foreach (var song in songs.Cast<Work>())
        {
            song.Taken++;
        }
    }

    private sealed class Work(FakeSongs family, SongOrder order) : ISongWork
    {
        private ModelLease<Loaded>? _lease;

        public int Taken { get; set; }

        public SongStage Stage => IsWaiting ? SongStage.Queued : SongStage.Stage1;

        public bool IsWaiting => _lease is null;

        public IReadOnlyList<ISharedStep> SharedSteps => IsWaiting ? [] : [family];

        public Task? Background => null;

        public SongResult? Result { get; private set; }

        public void Begin() => _lease = family._host.Shelf.TryLease<Loaded>(family._model);

        public void Advance()
        {
            if (_lease is null)
            {
                Begin();
                return;
            }

            order.Report(new SongProgress(Stage, 1, 1, Taken, order.Request.RunNSegments, 0));
            if (Taken == 2 && order.Request.Genre == FakeFamily.FailingGenre)
            {
                throw new SongException("the fake song fails");
            }

            if (Taken == order.Request.RunNSegments)
            {
                Result = Song();
            }
        }

        public void Dispose()
        {
            family.Disposed++;
            _lease?.Dispose();
        }

        private SongResult Song() => new()
        {
            Mix = new AudioClip(new float[48_000], 48_000),
            Model = order.Request.Model!,
            Seed = order.Request.Seed,
            Scope = order.Request.Scope,
            Sections = [],
            Codes = new SongCodes(order.Request.Model!, []),
            Warnings = [],
            Timings = new SongTimings
            {
                QueueSeconds = order.Waited.TotalSeconds,
                Stage1Seconds = 0,
                Stage2Seconds = 0,
                DecodeSeconds = 0,
                TotalSeconds = 0,
                TokensPerSecond = 0,
                RealTimeFactor = 0,
            },
        };
    }

    private sealed class Loaded : IDisposable
    {
        private readonly string _name;
        private readonly ConcurrentQueue<string> _log;

        public Loaded(string name, ConcurrentQueue<string> log)
        {
            (_name, _log) = (name, log);
            log.Enqueue($"+{name}");
        }

        public void Dispose() => _log.Enqueue($"-{_name}");
    }
}
