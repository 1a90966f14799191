using Yue.Cuda.Decode;

namespace Yue.Engine.Residency;

/// <summary>The limits of a GPU's memory plan.</summary>
/// <param name="FreeBytes">The device's free memory before CUDA allocates its own, or the part of it that the settings allow.</param>
/// <param name="Weights">The type of the language models' matrices.</param>
/// <param name="Cache">The type of keys and values.</param>
/// <param name="SongsAtOnce">The number of songs to plan for; 0 means as many as fit, up to eight.</param>
/// <param name="ContextTokens">The maximum context of a song in tokens; 0 means the checkpoint's limit.</param>
internal sealed record MemoryLimits(long FreeBytes, WeightType Weights, CacheType Cache, int SongsAtOnce, int ContextTokens = 0)
{
    /// <summary>The parts of the models that stay in host memory. Plans choose them.</summary>
    public HostShare Host { get; init; }

    /// <summary>Returns the limits of a GPU according to the settings.</summary>
    /// <param name="options">The settings.</param>
    /// <param name="freeBytes">The GPU's free memory.</param>
    public static MemoryLimits Of(IDeviceOptions options, long freeBytes) => new(
        Gpu.Usable(options, freeBytes),
        Gpu.TypeNamed(options.Weights),
        Gpu.CacheTypeNamed(options.KeyValueCache),
        options.SongsAtOnce,
        options.ContextTokens);
}
