using System.Globalization;
using TorchSharp;
using static TorchSharp.torch;

namespace Yue.Engine.Residency;

/// <summary>All models of all families, kept in memory as far as the memory plan allows. Owns them.</summary>
internal sealed class ModelSet : IDisposable
{
    private readonly IReadOnlyList<IFamilyModels> _families;
    private readonly Gpu? _gpu;
    private readonly MemoryPlan _plan;
    private readonly ModelShelf _shelf;
    private readonly Action _loadingOnDemand;
    private bool _isAwake;      // true while the resident models are in memory

    /// <summary>Plans the memory and adds the models to the shelf. Loads nothing yet.</summary>
    private ModelSet(IReadOnlyList<IFamilyModels> families, IDeviceOptions options, Action loadingOnDemand)
    {
        (_families, _loadingOnDemand) = (families, loadingOnDemand);
        var device = TorchDevice(options.Device == "auto" && families.All(family => family.PreferCpu) ? "cpu" : options.Device);
        _gpu = device.type == DeviceType.CUDA ? new Gpu(device.index, options) : null;
        try
        {
            IFamilyCosts[] costs = [.. families.Select(family => family.Costs)];
            _plan = _gpu is null ? MemoryPlan.ForCpu(costs, options) : MemoryPlan.For(costs, MemoryLimits.Of(options, _gpu.UsableBytes));
            _gpu?.BeginCompiling([.. families.SelectMany(family => family.Kernels(_gpu, _plan.Capacity))]);
            _shelf = new ModelShelf(_plan.ModelBytes, () => _gpu?.ReleaseUnused(), loadingOnDemand);
            var host = new ModelHost(device, _gpu, _plan, _shelf);
            foreach (var family in families)
            {
                family.Shelve(host);
            }
        }
        catch
        {
            _gpu?.Dispose();
            throw;
        }
    }

    /// <summary>The maximum number of concurrent songs.</summary>
    public int SongsAtOnce => _plan.Capacity.Songs;

    /// <summary>The name of the device that the models run on.</summary>
    public string DeviceName => _gpu?.Device.Name ?? "cpu";

    /// <summary>Returns true if the models run on the CPU because no GPU is available.</summary>
    public static bool LacksGpu(IDeviceOptions options) => options.Device == "auto" && !cuda.is_available();

    /// <summary>Loads the resident models, and as many others as fit.</summary>
    /// <param name="families">The models of each family; the set takes ownership.</param>
    /// <param name="options">The settings of the device and of its memory.</param>
    /// <param name="report">Called with the name of the model being loaded and the progress in percent.</param>
    /// <param name="loadingOnDemand">Called for every part of a model that is loaded on demand.</param>
    /// <param name="cancel">Checked between models.</param>
    public static ModelSet Load(
        IReadOnlyList<IFamilyModels> families,
        IDeviceOptions options,
        Action<string, double> report,
        Action loadingOnDemand,
        CancellationToken cancel)
    {
        const double ResidentPercent = 90;
        var models = new ModelSet(families, options, loadingOnDemand);
        try
        {
            var (share, begun) = (ResidentPercent / models._shelf.Models.Count, 0);
            models._shelf.LoadWhatFits(
                model => report(model.Title, share * begun++),
                (model, done) => report(model.Title, share * (begun - 1 + done)),
                cancel);
            foreach (var family in families)
            {
                cancel.ThrowIfCancellationRequested();
                family.LoadResident(what => report(what, ResidentPercent));
            }

            models._isAwake = true;
            return models;
        }
        catch
        {
            models.Dispose();
            throw;
        }
    }

    /// <summary>Loads the resident models if <see cref="Sleep"/> unloaded them.</summary>
    public void Wake()
    {
        if (!_isAwake)
        {
            foreach (var family in _families)
            {
                family.LoadResident(_ => _loadingOnDemand());
            }

            _isAwake = true;
        }
    }

    /// <summary>Unloads all models. No song may be in progress.</summary>
    public void Sleep()
    {
        _isAwake = false;
        foreach (var family in _families)
        {
            family.UnloadResident();
        }

        _shelf.Unload(_shelf.Models);
    }

    /// <summary>Unloads the resident models if all others are unloaded. No song may be in progress.</summary>
    public void SleepIfEmpty()
    {
        if (_shelf.Models.All(model => model.Loaded is null))
        {
            Sleep();
        }
    }

    /// <summary>Loads the models that songs made with a given model need, after unloading others if there is no room.</summary>
    /// <returns>False if the models of songs in progress leave no room.</returns>
    public bool TryLoad(string name)
    {
        Wake();
        return _shelf.TryLoad(ShelfOf(name));
    }

    /// <summary>Unloads the models that songs made with a given model need, except those that another loaded model
    /// also needs.</summary>
    /// <param name="name">The model that the songs name.</param>
    /// <param name="others">The other models that songs can name.</param>
    /// <returns>False if a song is using one of the models to unload.</returns>
    public bool TryUnload(string name, IEnumerable<string> others)
    {
        var models = ShelfOf(name);
        var needed = others.Select(ShelfOf).Where(other => other[0].Loaded is not null).SelectMany(other => other);
        ShelfModel[] free = [.. models.Except(needed)];
        if (free.Any(model => model.Users > 0))
        {
            return false;
        }

        _shelf.Unload(free);
        return true;
    }

    /// <summary>Returns the models and their memory state.</summary>
    public IReadOnlyList<ModelStatus> ModelsNow() => [.. _families.SelectMany(family => family.Statuses())];

    /// <summary>Returns the memory of the device that the models run on.</summary>
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
        foreach (var family in _families)
        {
            family.Dispose();
        }

        _shelf.Dispose();
        _gpu?.Dispose();
    }

    private IReadOnlyList<ShelfModel> ShelfOf(string name) =>
        _families.Select(family => family.ShelfOf(name)).First(models => models.Count > 0);

    /// <summary>Returns the device for a name in the settings.</summary>
    /// <exception cref="InvalidOperationException">There is no such device.</exception>
    public static Device TorchDevice(string name)
    {
        var gpus = cuda.is_available() ? cuda.device_count() : 0;
        return name switch
        {
            "auto" => device(gpus > 0 ? "cuda" : "cpu"),
            "cpu" => CPU,
            _ when IndexOf(name) < gpus => device(name),
            _ => throw new InvalidOperationException(
                $"Device is {name}, but this build finds no such GPU (GPUs found: {gpus}). Run yue doctor to find out why, "
                    + "or set Device to auto."),
        };
    }

    /// <summary>Returns the index of a GPU.</summary>
    private static int IndexOf(string name) =>
        name == "cuda" ? 0
        : name.StartsWith("cuda:", StringComparison.Ordinal)
            && int.TryParse(name.AsSpan("cuda:".Length), NumberStyles.None, CultureInfo.InvariantCulture, out var index)
            ? index
            : throw new InvalidOperationException(
                $"Device is {name}; it must be auto, cpu, cuda, or cuda with an index such as cuda:1.");
}
