using System.Globalization;
using Yue.Cuda.Decode;

namespace Yue.Engine.Residency;

/// <summary>The planned use of device memory. It is computed from the needs of each family's models before anything is loaded.</summary>
/// <remarks>The best plan keeps all shelf models in memory. The next best keeps the models that one song needs, and the last has room for
/// only one model at a time. Models that do not fit are loaded on demand. If that does not suffice, parts of the models stay in host
/// memory.</remarks>
internal sealed record MemoryPlan
{
    private const int MaxSongs = 8;
    private const int ShortContext = 8192;

    /// <summary>The possible numbers of rows in a shared batch, best first. The second list is the last resort, because loading models on
    /// demand and decoding sound on the CPU cost less than limiting batches to four rows.</summary>
    private static readonly int[][] RowChoices = [[CudaLlama.MaxRows, 64, 32, 16, 8], [4, 2]];

    /// <summary>The numbers of songs and rows that fit. On the CPU, there is no shared batch; each family chooses its own number of
    /// rows.</summary>
    public required Capacity Capacity { get; init; }

    /// <summary>The memory budget of the shelf, for loaded models and their caches.</summary>
    public required long ModelBytes { get; init; }

    /// <summary>The total planned memory.</summary>
    public required long Bytes { get; init; }

    /// <summary>The parts of the models that stay in host memory.</summary>
    public HostShare Host { get; init; }

    private Func<IModelCosts, long> Cost { get; init; } = null!;

    /// <summary>Returns the memory that a shelf model needs, including its caches.</summary>
    public long BytesOf(IModelCosts model) => Cost(model);

    /// <summary>Returns the plan for a GPU. It prefers at least eight rows, then fewer parts in host memory, then more models in memory,
    /// then more songs, then more rows.</summary>
    /// <exception cref="NotSupportedException">The models do not fit. The message contains the figures and the settings that would
    /// help.</exception>
    public static MemoryPlan For(IReadOnlyCollection<IFamilyCosts> families, MemoryLimits limits)
    {
        int[] songChoices = limits.SongsAtOnce > 0 ? [limits.SongsAtOnce] : [.. Enumerable.Range(1, MaxSongs).Reverse()];
        foreach (var rowChoices in RowChoices)
        {
            Capacity[] capacities = [.. songChoices.SelectMany(songs => rowChoices.Select(rows => new Capacity(songs, rows)))];
            foreach (var host in Enum.GetValues<HostShare>())
            {
                if (TryPlan(families, limits with { Host = host }, capacities) is { } plan)
                {
                    return plan;
                }
            }
        }

        throw new NotSupportedException(Refusal(families, limits with { Host = Enum.GetValues<HostShare>()[^1] }, songChoices[^1]));
    }

    /// <summary>Returns the plan for the CPU. Weights are in F32. Caches grow with the songs and are not counted.</summary>
    /// <exception cref="NotSupportedException">A model does not fit into the configured memory.</exception>
    public static MemoryPlan ForCpu(IReadOnlyCollection<IFamilyCosts> families, IDeviceOptions options)
    {
        var all = Needed(Together.All, families, OnCpu);
        var allowed = options.DeviceMemoryMegabytes == 0 ? all : (long)options.DeviceMemoryMegabytes << 20;
        var least = Needed(Together.OneModel, families, OnCpu);
        if (least > allowed)
        {
            throw new NotSupportedException(string.Create(
                CultureInfo.InvariantCulture,
                $"the largest language model takes {least >> 20} MiB of memory, but "
                    + $"DeviceMemoryMegabytes allows only {allowed >> 20}; increase it"));
        }

        var models = Math.Min(all, allowed);
        return new MemoryPlan
        {
            Capacity = new Capacity(Math.Max(options.SongsAtOnce, 1), Rows: 0),
            ModelBytes = models,
            Bytes = models,
            Cost = OnCpu,
        };
    }

    /// <summary>Returns the best plan for the given capacities, which are ordered best first; null if none fits.</summary>
    private static MemoryPlan? TryPlan(IReadOnlyCollection<IFamilyCosts> families, MemoryLimits limits, Capacity[] capacities)
    {
        var working = Working(families, limits);
        var room = limits.FreeBytes - working;
        for (var together = Together.All; together <= Together.OneModel; together++)
        {
            foreach (var capacity in capacities)
            {
                var cost = OnGpu(limits, capacity);
                if (Needed(together, families, cost) is var needed && needed <= room)
                {
                    var models = together == Together.All ? needed : room;
                    return new()
                    {
                        Capacity = capacity,
                        ModelBytes = models,
                        Bytes = models + working,
                        Host = limits.Host,
                        Cost = cost,
                    };
                }
            }
        }

        return null;
    }

    private static long OnCpu(IModelCosts model) => sizeof(float) * model.Parameters;

    private static Func<IModelCosts, long> OnGpu(MemoryLimits limits, Capacity capacity) =>
        model => model.WeightBytes(limits) + model.CacheBytes(limits, capacity);

    private static IEnumerable<IModelCosts> ModelsOf(IEnumerable<IFamilyCosts> families) =>
        families.SelectMany(family => family.Songs).SelectMany(models => models).Distinct();

    private static long Needed(Together together, IEnumerable<IFamilyCosts> families, Func<IModelCosts, long> cost) => together switch
    {
        Together.All => ModelsOf(families).Sum(cost),
        Together.OneSong => families.SelectMany(family => family.Songs).Max(models => models.Sum(cost)),
        _ => ModelsOf(families).Max(cost),
    };

    private static long Working(IEnumerable<IFamilyCosts> families, MemoryLimits limits) =>
        families.Sum(family => family.WorkingBytes(limits));

    private static string Refusal(IReadOnlyCollection<IFamilyCosts> families, MemoryLimits limits, int songs)
    {
        var capacity = new Capacity(songs, RowChoices[^1][^1]);
        long MinBytes(MemoryLimits with) => Needed(Together.OneModel, families, OnGpu(with, capacity)) + Working(families, with);
        var (least, working) = (MinBytes(limits), Working(families, limits));
        var weights = ModelsOf(families).Max(model => model.WeightBytes(limits));
        return (songs == 1 ? "1 song takes " : $"{songs} songs at once take ")
            + $"{GiB(least)} GiB of device memory, even with one model at a time and as much as possible in host memory, "
            + $"but only {GiB(limits.FreeBytes)} GiB may be used: "
            + $"the largest model's weights take {GiB(weights)} GiB, its caches {GiB(least - weights - working)} GiB, and working "
            + $"memory {GiB(working)} GiB. What would help: "
            + string.Join(", ", [.. Remedies(limits, songs, MinBytes), "no other programs on the device", "Device=cpu"]);
    }

    /// <summary>Returns settings that reduce the memory needed, most of them with the amount that would then be needed.</summary>
    private static IEnumerable<string> Remedies(MemoryLimits limits, int songs, Func<MemoryLimits, long> least)
    {
        if (songs > 1)
        {
            yield return "SongsAtOnce=1";
        }

        if (limits.Weights == WeightType.Float32)
        {
            var narrow = limits with { Weights = WeightType.BFloat16, Cache = CacheType.BFloat16 };
            yield return $"Weights=bf16 with KeyValueCache=bf16 ({GiB(least(narrow))} GiB)";
        }

        WeightType[] smaller = limits.Weights switch
        {
            WeightType.BFloat16 => [WeightType.Int8, WeightType.Int6, WeightType.Int4],
            WeightType.Int8 or WeightType.Float8 => [WeightType.Int6, WeightType.Int4],
            WeightType.Int6 => [WeightType.Int4],
            _ => [],
        };
        foreach (var weights in smaller)
        {
            // Files that are quantized keep their own type.
            if (least(limits with { Weights = weights }) is var narrower && narrower < least(limits))
            {
                yield return $"Weights={Gpu.NameOf(weights)} ({GiB(narrower)} GiB)";
            }
        }

        if (limits.Cache == CacheType.BFloat16)
        {
            yield return $"KeyValueCache=fp8 ({GiB(least(limits with { Cache = CacheType.Float8 }))} GiB)";
        }

        if (limits.ContextTokens is 0 or > ShortContext
            && least(limits with { ContextTokens = ShortContext }) is var shorter && shorter < least(limits))
        {
            yield return $"ContextTokens={ShortContext} ({GiB(shorter)} GiB)";
        }
    }

    private static string GiB(long bytes) => FormattableString.Invariant($"{bytes / (double)(1L << 30):F1}");

    /// <summary>The shelf models that are in memory at the same time.</summary>
    private enum Together
    {
        All,
        OneSong,
        OneModel,
    }
}
