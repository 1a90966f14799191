namespace Yue.Engine.Llama;

/// <summary>Keeps the keys and values of all layers for a <see cref="KvCache"/> that has memory for only one layer.</summary>
/// <remarks>The rows' lengths in the cache are the numbers of positions that the rows hold. The lengths grow after the last layer of a
/// pass.</remarks>
internal interface ILayerStore
{
    /// <summary>Copies the positions that the rows hold in a layer to the cache.</summary>
    void Load(int layer, KvCache cache);

    /// <summary>Copies new positions of a layer, which follow those that the rows hold, from the cache.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="cache">The cache.</param>
    /// <param name="count">The number of new positions in each row.</param>
    void Save(int layer, KvCache cache, int count);
}
