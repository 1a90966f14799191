using Yue.Engine.Scheduling;
using Yue.Engine.Songs;

namespace YueService.Jobs.Shared;

/// <summary>The engine of a process that shares jobs. It reports the models and slots of all workers; songs are made by the process's own
/// engine, if there is one.</summary>
/// <param name="own">The process's own engine; null if the process makes no songs.</param>
/// <param name="processes">Returns the service that tracks the workers. Called lazily, because that service depends on the engine.</param>
internal sealed class ClusterEngine(ISongEngine? own, Func<SharedProcesses> processes) : ISongEngine, IDisposable
{
    private readonly TaskCompletionSource<string> _never = new();
    private volatile bool _drains;

    /// <summary>The process's own engine; null if the process makes no songs.</summary>
    public ISongEngine? Own => own;

    public EngineStatus Status
    {
        get
        {
            var workers = processes().Workers;
            var status = own?.Status ?? new() { State = _drains ? EngineState.Draining : EngineState.Ready };
            var live = InOrder(status.SongModels.Concat(Describe(workers.SelectMany(worker => worker.About.Models))));
            return status with
            {
                SongModels = live,
                AbsentModels = [.. InOrder(Describe(processes().KnownModels)).ExceptBy(live.Select(NameOf), NameOf)],
                IsDemo = own is null ? workers.Count > 0 && workers.All(worker => worker.About.IsDemo) : status.IsDemo,
                SongsAtOnce = Math.Max(1, workers.Sum(worker => worker.About.Slots)),
                Running = workers.Sum(worker => worker.About.Running),
            };
        }
    }

    public Task<string> Lost => own?.Lost ?? _never.Task;

    public void Start() => own?.Start();

    public async Task WhenRoomAsync(CancellationToken cancel) =>
        await (own?.WhenRoomAsync(cancel) ?? Task.Delay(Timeout.Infinite, cancel));

    public SongMeasure? Measure(SongRequest request) => own?.Measure(request);

    public double? WorkOf(SongRequest request) => own?.WorkOf(request);

    public bool TryAdmit(SongTicket ticket) => own?.TryAdmit(ticket) ?? false;

    public Task<bool> SetLoadedAsync(string model, bool isLoaded, CancellationToken cancel) =>
        own?.SetLoadedAsync(model, isLoaded, cancel) ?? throw new SongRequestException("this process has no models");

    public Task DrainAsync(CancellationToken hurry)
    {
        _drains = true;
        return own?.DrainAsync(hurry) ?? Task.CompletedTask;
    }

    public void Dispose() => (own as IDisposable)?.Dispose();

    private static string NameOf(ModelDescription model) => model.Name;

    private static IReadOnlyList<ModelDescription> InOrder(IEnumerable<ModelDescription> models) =>
        [.. models.DistinctBy(NameOf).OrderBy(NameOf, StringComparer.Ordinal)];

    /// <summary>Describes the models of the families that this release supports.</summary>
    private static IEnumerable<ModelDescription> Describe(IEnumerable<ProcessModel> models) => models.SelectMany(
        model => ModelFamilies.Descriptions.Where(family => family.Name == model.Family)
            .Select(family => new ModelDescription(model.Name, family)));
}

/// <summary>Finds the engine that makes songs in this process.</summary>
internal static class OwnEngine
{
    /// <summary>Returns the engine itself, or the one inside a <see cref="ClusterEngine"/>; null if this process makes no songs.</summary>
    public static ISongEngine? Own(this ISongEngine engine) => engine is ClusterEngine cluster ? cluster.Own : engine;
}
