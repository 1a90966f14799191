namespace Yue.Engine.Residency;

/// <summary>The memory that a family's models need, computed from the checkpoints' dimensions before anything is loaded.</summary>
internal interface IFamilyCosts
{
    /// <summary>The shelf models that a song needs, one list per model that requests can name. A model that appears in several lists is
    /// the same object in each.</summary>
    IReadOnlyList<IReadOnlyList<IModelCosts>> Songs { get; }

    /// <summary>Returns the GPU memory outside the shelf in bytes: the models that are always in memory, and the activations of every
    /// step.</summary>
    long WorkingBytes(MemoryLimits limits);
}

/// <summary>The memory that one model on the shelf needs. Compared by reference.</summary>
internal interface IModelCosts
{
    /// <summary>The number of weights.</summary>
    long Parameters { get; }

    /// <summary>Returns the size, in bytes, of the weights on a GPU.</summary>
    long WeightBytes(MemoryLimits limits);

    /// <summary>Returns the GPU memory of a loaded model in addition to its weights, in bytes: the caches of its songs.</summary>
    long CacheBytes(MemoryLimits limits, Capacity capacity);
}

/// <summary>The numbers of songs and rows that a GPU's decoders have room for.</summary>
/// <param name="Songs">The number of concurrent songs.</param>
/// <param name="Rows">The number of rows in the batch that all songs share.</param>
internal readonly record struct Capacity(int Songs, int Rows);
