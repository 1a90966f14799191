namespace Yue.Engine.Residency;

/// <summary>A model that is loaded at the start if there is room, and otherwise when a song needs it.</summary>
/// <param name="name">The model's name.</param>
/// <param name="bytes">The memory that it needs, including caches.</param>
/// <param name="load">Loads the model. Its argument is a callback for the fraction done.</param>
internal sealed class ShelfModel(string name, long bytes, Func<Action<double>, IDisposable> load)
{
    public string Name { get; } = name;

    /// <summary>The model's name in the loading progress.</summary>
    public string Title { get; init; } = name;

    public long Bytes { get; } = bytes;

    /// <summary>The loaded model; null while it is not in memory.</summary>
    public IDisposable? Loaded { get; private set; }

    /// <summary>The number of songs that are using the model.</summary>
    public int Users { get; set; }

    /// <summary>The value of the shelf's use counter when the model was last taken.</summary>
    public long LastUse { get; set; }

    public void Load(Action<double> report) => Loaded ??= load(report);

    public void Unload()
    {
        Loaded?.Dispose();
        Loaded = null;
    }
}

/// <summary>Keeps as many models in memory as a budget allows. The least recently used model that no song uses is unloaded first.</summary>
/// <remarks>Used by the engine's thread only.</remarks>
/// <param name="budgetBytes">The total memory for loaded models, at least as much as the largest model needs.</param>
/// <param name="unloaded">Called after models are unloaded and before the next one is loaded. It frees the memory that the allocator still
/// caches.</param>
/// <param name="loading">Called for every part of a model that <see cref="TryTake"/> loads.</param>
internal sealed class ModelShelf(long budgetBytes, Action unloaded, Action loading) : IDisposable
{
    private readonly List<ShelfModel> _models = [];
    private long _uses;

    /// <summary>The models, in the order in which they were added.</summary>
    public IReadOnlyList<ShelfModel> Models => _models;

    private long BytesInMemory => _models.Where(model => model.Loaded is not null).Sum(model => model.Bytes);

    public void Add(ShelfModel model) => _models.Add(model);

    /// <summary>Returns true if these two models fit into memory at the same time.</summary>
    public bool HasRoomFor(ShelfModel first, ShelfModel second) => first.Bytes + second.Bytes <= budgetBytes;

    /// <summary>Loads models in order, skipping each one that does not fit together with the models already in memory.</summary>
    /// <param name="begun">Called with each model before it is loaded.</param>
    /// <param name="report">Called with the model and the fraction of it that is loaded.</param>
    /// <param name="cancel">Checked between models.</param>
    public void LoadWhatFits(Action<ShelfModel> begun, Action<ShelfModel, double> report, CancellationToken cancel)
    {
        foreach (var model in _models.Where(model => model.Loaded is null && BytesInMemory + model.Bytes <= budgetBytes))
        {
            cancel.ThrowIfCancellationRequested();
            begun(model);
            model.Load(done => report(model, done));
        }
    }

    /// <summary>Takes a model for a song and loads it if it is not in memory.</summary>
    /// <returns>False if the models in use leave no room for it.</returns>
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

    /// <summary>Takes a model for a song, as <see cref="TryTake"/> does, and returns a lease.</summary>
    /// <returns>The lease, which the caller disposes to return the model; null if there is no room for the model.</returns>
    public ModelLease<T>? TryLease<T>(ShelfModel model)
        where T : class, IDisposable => TryTake(model) ? new ModelLease<T>(model) : null;

    /// <summary>Loads models in order, as long as they fit in memory together with the models in use.</summary>
    /// <returns>False if there is no room for the first one.</returns>
    public bool TryLoad(IReadOnlyList<ShelfModel> models)
    {
        var loaded = models.TakeWhile(TryTake).ToList();
        loaded.ForEach(Return);
        return loaded.Count > 0;
    }

    /// <summary>Unloads models that no song uses.</summary>
    public void Unload(IEnumerable<ShelfModel> models)
    {
        foreach (var model in models.Where(model => model.Users == 0))
        {
            model.Unload();
        }

        unloaded();
    }

    /// <summary>Returns a model to the shelf. It stays in memory until the memory is needed.</summary>
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
