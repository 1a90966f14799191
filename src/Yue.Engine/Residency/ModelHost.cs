using static TorchSharp.torch;

namespace Yue.Engine.Residency;

/// <summary>The place that models are loaded into.</summary>
/// <param name="Device">The device as TorchSharp names it.</param>
/// <param name="Gpu">The GPU that decodes; null on the CPU.</param>
/// <param name="Plan">The plan of the device's memory.</param>
/// <param name="Shelf">The models that are loaded on demand.</param>
internal sealed record ModelHost(Device Device, Gpu? Gpu, MemoryPlan Plan, ModelShelf Shelf)
{
    /// <summary>The type of the language models' matrices, as settings name it.</summary>
    public string WeightsName => Gpu?.WeightsName ?? "f32";
}
