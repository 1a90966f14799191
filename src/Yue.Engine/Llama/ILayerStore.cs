namespace Yue.Engine.Llama;

/// <summary>Keeps the keys and values of all layers for a <see cref="KvCache"/> that has memory for only one layer.</summary>
/// <remarks>The rows' lengths in the cache are the numbers of positions that the rows hold. The lengths grow after the last layer of a
/// pass.</remarks>
internal interface ILayerStore
{
    /// <summary>Copies to the cache the positions of a layer that the rows hold.</summary>
    void Load(int layer, KvCache cache);

    /// <summary>Copies from the cache the new positions of a layer, which come after those that the rows already hold.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="cache">The cache.</param>
    /// <param name="count">The number of new positions in each row.</param>
    void Save(int layer, KvCache cache, int count);
}
