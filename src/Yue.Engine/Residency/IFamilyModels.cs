using Yue.Cuda.Compilation;

namespace Yue.Engine.Residency;

/// <summary>The models of one family that the settings name. They are
/// known from the start and loaded as the memory plan has room.</summary>
/// <remarks>Used by the engine's thread only. Disposing unloads the models that are always in memory.</remarks>
internal interface IFamilyModels : IDisposable
{
    /// <summary>The memory that the models take.</summary>
    IFamilyCosts Costs { get; }

    /// <summary>True if the models are too small for a GPU's kernels and fast enough on the CPU.</summary>
    bool PreferCpu { get; }

    /// <summary>Returns the GPU kernels that the models need. They compile while weights load.</summary>
    IEnumerable<KernelBuild> Kernels(Gpu gpu, Capacity capacity);

    /// <summary>Puts the models that are loaded on demand onto the shelf, the most important first. Nothing is loaded yet.</summary>
    void Shelve(ModelHost host);

    /// <summary>Loads the models that are always in memory.</summary>
    /// <param name="report">Called with a name for what is being loaded.</param>
    void LoadResident(Action<string> report);

    /// <summary>Returns the models and their places in memory.</summary>
    IReadOnlyList<ModelStatus> Statuses();
}
