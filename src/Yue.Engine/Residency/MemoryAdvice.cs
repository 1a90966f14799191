using Yue.Cuda.Decode;

namespace Yue.Engine.Residency;

/// <summary>The GPU memory that the configured checkpoints need, computed from their dimensions.</summary>
public sealed record MemoryAdvice
{
    /// <summary>The types of weights and of the cache, most accurate first.</summary>
    private static readonly (WeightType Weights, CacheType Cache)[] Types =
    [
        (WeightType.BFloat16, CacheType.BFloat16), (WeightType.Int8, CacheType.BFloat16), (WeightType.Int8, CacheType.Float8),
        (WeightType.Int6, CacheType.BFloat16), (WeightType.Int6, CacheType.Float8),
        (WeightType.Int4, CacheType.BFloat16), (WeightType.Int4, CacheType.Float8),
    ];

    /// <summary>The types for checkpoints whose files are quantized.</summary>
    private static readonly (WeightType Weights, CacheType Cache)[] TypesOfQuantized =
        [(WeightType.BFloat16, CacheType.BFloat16), (WeightType.BFloat16, CacheType.Float8)];

    private static readonly int[] Contexts = [0, 12_288, 8_192];

    /// <summary>The memory that the plan uses; 0 if the checkpoints do not fit with the configured settings.</summary>
    public long Bytes { get; init; }

    /// <summary>The number of songs that fit at the same time.</summary>
    public int Songs { get; init; }

    /// <summary>The parts of the models that stay in host memory, as a clause; null if there are none.</summary>
    public string? OnHost { get; init; }

    /// <summary>The reason why the checkpoints do not fit; null if they do.</summary>
    public string? Refusal { get; init; }

    /// <summary>The most accurate settings with which the checkpoints would fit, or with which no part would stay in host memory; null if
    /// everything already fits, or if no settings would help.</summary>
    public string? Settings { get; init; }

    /// <summary>Plans the memory of a GPU.</summary>
    /// <param name="costs">The memory that the models of each family need.</param>
    /// <param name="options">The settings.</param>
    /// <param name="freeBytes">The free memory of the GPU.</param>
    internal static MemoryAdvice For(IReadOnlyCollection<IFamilyCosts> costs, IDeviceOptions options, long freeBytes)
    {
        var limits = MemoryLimits.Of(options, freeBytes);
        var single = limits with { SongsAtOnce = 1 };
        return Plan(costs, limits) switch
        {
            (null, var refusal) => new() { Refusal = refusal, Settings = SettingsFor(HostShare.EmbeddingsAndSound, costs, single) },
            ({ Host: HostShare.Nothing } plan, _) => new() { Bytes = plan.Bytes, Songs = plan.Capacity.Songs },
            (var plan, _) => new()
            {
                Bytes = plan.Bytes,
                Songs = plan.Capacity.Songs,
                OnHost = TextOf(plan.Host),
                Settings = SettingsFor(HostShare.Nothing, costs, single),
            },
        };
    }

    /// <summary>Returns the most accurate settings with which at most the given parts stay in host memory; null if there are
    /// none.</summary>
    private static string? SettingsFor(HostShare most, IReadOnlyCollection<IFamilyCosts> costs, MemoryLimits limits)
    {
        var matter = WeightsMatter(costs, limits);
        foreach (var (weights, cache) in matter ? Types : TypesOfQuantized)
        {
            foreach (var context in Contexts)
            {
                var with = limits with { Weights = weights, Cache = cache, ContextTokens = context };
                if (Plan(costs, with).Plan is { } plan && plan.Host <= most)
                {
                    return TextOf(with, namesWeights: matter || limits.Weights == WeightType.Float32);
                }
            }
        }

        return null;
    }

    private static string? TextOf(HostShare host) => host switch
    {
        HostShare.Embeddings => "embeddings stay in host memory",
        HostShare.EmbeddingsAndSound => "embeddings stay in host memory, and the codec and vocoders of YuE 1 run on the CPU",
        _ => null,
    };

    /// <summary>Returns true if the type of weights in the settings affects any checkpoint. Quantized files keep their own type.</summary>
    private static bool WeightsMatter(IEnumerable<IFamilyCosts> costs, MemoryLimits limits)
    {
        var (wide, narrow) = (limits with { Weights = WeightType.BFloat16 }, limits with { Weights = WeightType.Int8 });
        return costs.SelectMany(family => family.Songs).SelectMany(models => models)
            .Any(model => model.WeightBytes(wide) != model.WeightBytes(narrow));
    }

    private static string TextOf(MemoryLimits limits, bool namesWeights)
    {
        var weights = namesWeights ? $"YUE_WEIGHTS={Gpu.NameOf(limits.Weights)} " : "";
        var context = limits.ContextTokens > 0 ? FormattableString.Invariant($"YUE_CONTEXT_TOKENS={limits.ContextTokens} ") : "";
        return $"{weights}YUE_KEY_VALUE_CACHE={(limits.Cache == CacheType.Float8 ? "fp8" : "bf16")} {context}YUE_SONGS_AT_ONCE=1";
    }

    private static (MemoryPlan? Plan, string? Refusal) Plan(IReadOnlyCollection<IFamilyCosts> costs, MemoryLimits limits)
    {
        try
        {
            return (MemoryPlan.For(costs, limits), null);
        }
        catch (NotSupportedException refusal)
        {
            return (null, refusal.Message);
        }
    }
}
