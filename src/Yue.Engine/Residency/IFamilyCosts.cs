namespace Yue.Engine.Residency;

/// <summary>The memory that a family's models take, computed from the checkpoints' dimensions before anything is loaded.</summary>
internal interface IFamilyCosts
{
    /// <summary>The shelf models that a song needs, one list for each model that requests can name. Lists share the objects of the
    /// models that they have in common.</summary>
    IReadOnlyList<IReadOnlyList<IModelCosts>> Songs { get; }

    /// <summary>Bytes on a GPU that are not the shelf's: the models that are always in memory, and the activations of every step.</summary>
    long WorkingBytes(MemoryLimits limits);
}

/// <summary>The memory that one model on the shelf takes. Compared by reference.</summary>
internal interface IModelCosts
{
    /// <summary>The number of weights.</summary>
    long Parameters { get; }

    /// <summary>Bytes of the weights on a GPU.</summary>
    long WeightBytes(MemoryLimits limits);

    /// <summary>Bytes on a GPU that a loaded model takes beside its weights: the caches of its songs.</summary>
    long CacheBytes(MemoryLimits limits, Capacity capacity);
}

/// <summary>The number of songs and rows that a GPU's decoders have room for.</summary>
/// <param name="Songs">Songs made at once.</param>
/// <param name="Rows">Rows of a batch that all songs share.</param>
internal readonly record struct Capacity(int Songs, int Rows);
