using Yue.Cuda.Compilation;

namespace Yue.Engine.Residency;

/// <summary>The configured models of one family. They are known from the start and loaded as far as the memory plan has room.</summary>
/// <remarks>Used by the engine's thread only. Disposing unloads the models that are always in memory.</remarks>
internal interface IFamilyModels : IDisposable
{
    /// <summary>The memory that the models take.</summary>
    IFamilyCosts Costs { get; }

    /// <summary>True if the models are too small for a GPU's kernels and fast enough on the CPU.</summary>
    bool PreferCpu { get; }

    /// <summary>Returns the GPU kernels that the models need. They compile while weights load.</summary>
    IEnumerable<KernelBuild> Kernels(Gpu gpu, Capacity capacity);

    /// <summary>Adds the models that are loaded on demand to the shelf, the most important first. Loads nothing yet.</summary>
    void Shelve(ModelHost host);

    /// <summary>Loads the models that are always in memory.</summary>
    /// <param name="report">Called with the name of the model that is being loaded.</param>
    void LoadResident(Action<string> report);

    /// <summary>Returns the models and their memory state.</summary>
    IReadOnlyList<ModelStatus> Statuses();
}
