using static TorchSharp.torch;

namespace Yue.Engine.Residency;

/// <summary>The device and memory that models are loaded into.</summary>
/// <param name="Device">The TorchSharp device that models are loaded onto.</param>
/// <param name="Gpu">The GPU that decodes; null on the CPU.</param>
/// <param name="Plan">The plan of the device's memory.</param>
/// <param name="Shelf">The models that are loaded on demand.</param>
internal sealed record ModelHost(Device Device, Gpu? Gpu, MemoryPlan Plan, ModelShelf Shelf)
{
    /// <summary>The type of the language models' matrices, as named in the settings.</summary>
    public string WeightsName => Gpu?.WeightsName ?? "f32";

    /// <summary>True if YuE 1's codec and vocoders are on the GPU, which requires a GPU and room in the plan.</summary>
    public bool SoundOnGpu => Gpu is not null && Plan.Host != HostShare.EmbeddingsAndSound;
}
