namespace Yue.Engine.Residency;

/// <summary>A language model that is brought into memory when a song needs it.</summary>
/// <param name="name">What it is called.</param>
/// <param name="bytes">What it takes in memory, caches included.</param>
/// <param name="load">Brings it in; told where to report the fraction done.</param>
internal sealed class ShelfModel(string name, long bytes, Func<Action<double>, IDisposable> load)
{
    public string Name { get; } = name;

    public long Bytes { get; } = bytes;

    /// <summary>Null while it is not in memory.</summary>
    public IDisposable? Loaded { get; private set; }

    /// <summary>Songs that need it now.</summary>
    public int Users { get; set; }

    /// <summary>The shelf's count of uses when it was last asked for.</summary>
    public long LastUse { get; set; }

    public void Load(Action<double> report) => Loaded ??= load(report);

    public void Unload()
    {
        Loaded?.Dispose();
        Loaded = null;
    }
}

/// <summary>Keeps as many language models in memory as a budget takes; the least recently used one that no song needs goes first.</summary>
/// <remarks>Used by the engine's thread only.</remarks>
/// <param name="budgetBytes">What all models in memory may take together: at least the largest one.</param>
/// <param name="unloaded">Called after models are unloaded and before the next one loads: returns what the owner of their memory
/// still holds.</param>
/// <param name="loading">Called for every part of a model that <see cref="TryTake"/> loads.</param>
internal sealed class ModelShelf(long budgetBytes, Action unloaded, Action loading) : IDisposable
{
    private readonly List<ShelfModel> _models = [];
    private long _uses;

    /// <summary>The models, in the order in which they were put on the shelf.</summary>
    public IReadOnlyList<ShelfModel> Models => _models;

    private long BytesInMemory => _models.Where(model => model.Loaded is not null).Sum(model => model.Bytes);

    public void Add(ShelfModel model) => _models.Add(model);

    /// <summary>Brings in, in order, what fits beside what is there.</summary>
    /// <param name="begun">Told the model that comes next.</param>
    /// <param name="report">Told the model and the fraction of it that is done.</param>
    /// <param name="cancel">Looked at between models.</param>
    public void LoadWhatFits(Action<ShelfModel> begun, Action<ShelfModel, double> report, CancellationToken cancel)
    {
        foreach (var model in _models.Where(model => model.Loaded is null && BytesInMemory + model.Bytes <= budgetBytes))
        {
            cancel.ThrowIfCancellationRequested();
            begun(model);
            model.Load(done => report(model, done));
        }
    }

    /// <summary>Takes a model for a song, and brings it in where it is not in memory.</summary>
    /// <returns>False while models that other songs need leave no room for it.</returns>
    public bool TryTake(ShelfModel model)
    {
        if (model.Loaded is null)
        {
            if (!TryMakeRoom(model.Bytes))
            {
                return false;
            }

            model.Load(_ => loading());
        }

        model.Users++;
        model.LastUse = ++_uses;
        return true;
    }

    /// <summary>Gives a taken model back; it stays in memory until the room is needed.</summary>
    public static void Return(ShelfModel model) => model.Users--;

    public void Dispose()
    {
        foreach (var model in Enumerable.Reverse(_models))
        {
            model.Unload();
        }
    }

    private bool TryMakeRoom(long bytes)
    {
        var idle = _models.Where(model => model is { Loaded: not null, Users: 0 }).OrderBy(model => model.LastUse).ToList();
        if (BytesInMemory - idle.Sum(model => model.Bytes) + bytes > budgetBytes)
        {
            return false;
        }

        var some = false;
        foreach (var model in idle.TakeWhile(_ => BytesInMemory + bytes > budgetBytes))
        {
            model.Unload();
            some = true;
        }

        if (some)
        {
            unloaded();
        }

        return true;
    }
}
