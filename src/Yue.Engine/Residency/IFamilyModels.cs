using Yue.Cuda.Compilation;

namespace Yue.Engine.Residency;

/// <summary>The configured models of one family. They are known from the start and loaded as far as the memory plan allows.</summary>
/// <remarks>Used by the engine's thread only. The models on the shelf are loaded and unloaded one by one. The other models are resident:
/// they are in memory unless the engine has released all its memory. Disposing unloads the resident models.</remarks>
internal interface IFamilyModels : IDisposable
{
    /// <summary>The memory that the models need.</summary>
    IFamilyCosts Costs { get; }

    /// <summary>True if the models are too small for a GPU's kernels and fast enough on the CPU.</summary>
    bool PreferCpu { get; }

    /// <summary>Returns the GPU kernels that the models need. They compile while weights load.</summary>
    IEnumerable<KernelBuild> Kernels(Gpu gpu, Capacity capacity);

    /// <summary>Adds to the shelf the models that are loaded on demand, the most important first. Loads nothing yet.</summary>
    void Shelve(ModelHost host);

    /// <summary>Returns the shelf models that songs need, the most important first.</summary>
    /// <param name="name">The model that the songs name.</param>
    IReadOnlyList<ShelfModel> ShelfOf(string name);

    /// <summary>Loads the models that are not on the shelf, unless they are already in memory.</summary>
    /// <param name="report">Called with the name of the model that is being loaded.</param>
    void LoadResident(Action<string> report);

    /// <summary>Unloads the models that are not on the shelf. No song may be using them.</summary>
    void UnloadResident();

    /// <summary>Returns the models and their memory state.</summary>
    IReadOnlyList<ModelStatus> Statuses();
}
