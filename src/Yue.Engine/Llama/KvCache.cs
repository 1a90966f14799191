using System.Runtime.InteropServices;
using Yue.Engine.Tensors;
using Yue.Engine.Weights;
using static TorchSharp.torch;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace Yue.Engine.Llama;

/// <summary>The keys and values of up to B sequences, allocated once. Every row has its own length.</summary>
/// <remarks>The memory is zeroed, so keys and values at positions that a row has not reached are finite, and the mask removes them. On
/// the CPU, the operating system allocates memory only for pages that were written.</remarks>
public sealed class KvCache : IDisposable
{
    private readonly Tensor[] _keys;
    private readonly Tensor[] _values;
    private readonly int[] _lengths;
    private readonly int _heads;
    private readonly int _headSize;
    private readonly ILayerStore? _store;

    /// <summary>Creates a cache for <paramref name="rows"/> sequences of up to <paramref name="capacity"/> positions.</summary>
    public KvCache(LlamaConfig config, int rows, int capacity, ScalarType dtype, Device device)
    {
        Capacity = capacity;
        (_heads, _headSize) = (config.KeyValueHeads, config.HeadSize);
        _lengths = new int[rows];
        using var scope = NewDisposeScope();
        Tensor Allocate() => zeros([rows, config.KeyValueHeads, capacity, config.HeadSize], dtype, device);
        _keys = [.. Enumerable.Range(0, config.Layers).Select(_ => Allocate())];      // [B, K, capacity, D] each
        _values = [.. Enumerable.Range(0, config.Layers).Select(_ => Allocate())];
        foreach (var tensor in _keys.Concat(_values))
        {
            tensor.DetachFromDisposeScope();
        }
    }

    /// <summary>Creates a cache with memory for a single layer, which the layers of each forward pass use in turn. A store keeps their keys
    /// and values.</summary>
    internal KvCache(LlamaConfig config, int rows, int capacity, ScalarType dtype, Device device, ILayerStore store)
        : this(config with { Layers = 1 }, rows, capacity, dtype, device)
    {
        _store = store;
    }

    /// <summary>The maximum number of positions per row.</summary>
    public int Capacity { get; }

    /// <summary>The size of one value in bytes.</summary>
    internal int ElementBytes => (int)_keys[0].ElementSize;

    /// <summary>The number of positions in each row.</summary>
    public ReadOnlySpan<int> Lengths => _lengths;

    /// <summary>Removes all positions of a row.</summary>
    public void Clear(int row) => _lengths[row] = 0;

    /// <summary>Truncates a row to <paramref name="length"/> positions.</summary>
    public void Truncate(int row, int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, _lengths[row]);
        _lengths[row] = length;
    }

    /// <summary>Copies the next positions of a row from the same row of another cache of the same model. The other row must have these
    /// positions.</summary>
    internal void Extend(int row, KvCache other, int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(_lengths[row] + count, Math.Min(Capacity, other._lengths[row]), nameof(count));
        using var scope = NewDisposeScope();
        foreach (var (target, source) in _keys.Zip(other._keys).Concat(_values.Zip(other._values)))
        {
            Part(target).copy_(Part(source));
        }

        _lengths[row] += count;

        Tensor Part(Tensor tensor) => tensor.select(0, row).narrow(1, _lengths[row], count);       // [K, count, D]
    }

    /// <summary>Adds positions whose keys and values were written directly into the row's memory.</summary>
    internal void Extend(int row, int count) => _lengths[row] += count;

    /// <summary>Returns the addresses of a row's keys and values in a layer, [K, capacity, D] each.</summary>
    internal (nint Keys, nint Values) Addresses(int layer, int row)
    {
        var offset = (nint)row * _heads * Capacity * _headSize * (nint)_keys[layer].ElementSize;
        return (_keys[layer].Address() + offset, _values[layer].Address() + offset);
    }

    /// <summary>Returns the first keys and values of a row in a layer, [1, K, length, D] each; the caller disposes them.</summary>
    internal (Tensor Keys, Tensor Values) View(int layer, int row, long length)
    {
        return (Part(_keys[layer]), Part(_values[layer]));

        Tensor Part(Tensor tensor)
        {
            using var one = tensor.narrow(0, row, 1);
            return one.narrow(2, 0, length);
        }
    }

    /// <summary>Returns the keys of a head, [capacity, D]. The cache must be on the CPU in F32.</summary>
    internal Span<float> Keys(int layer, int row, int head) => HeadOf(_keys[layer], row, head);

    /// <summary>Returns the values of a head, [capacity, D]. The cache must be on the CPU in F32.</summary>
    internal Span<float> Values(int layer, int row, int head) => HeadOf(_values[layer], row, head);

    /// <summary>Throws unless each of the rows has room for more positions.</summary>
    /// <returns>The number of positions that the longest row would then have.</returns>
    internal int LengthWith(Range rows, int count)
    {
        var length = TensorPrimitives.Max<int>(_lengths.AsSpan(rows)) + count;
        return length <= Capacity
            ? length
            : throw new ArgumentException($"{count} more ids make {length} positions, but the cache has {Capacity}");
    }

    /// <summary>Appends new keys and values of one layer to the rows. The rows' lengths do not change until
    /// <see cref="Advance"/>.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="rows">The rows to write, a contiguous range.</param>
    /// <param name="k">[B, K, T, D] in the cache's dtype.</param>
    /// <param name="v">[B, K, T, D] in the cache's dtype.</param>
    /// <param name="positions">[B, T], int64: the position of each new key and value.</param>
    /// <param name="length">The number of positions to return.</param>
    /// <returns>Views [B, K, length, D] of the keys and the values.</returns>
    internal (Tensor Keys, Tensor Values) Append(int layer, Range rows, Tensor k, Tensor v, Tensor positions, long length)
    {
        var (first, B) = rows.GetOffsetAndLength(_lengths.Length);
        var (_, K, T, D) = Shape.Dims4(k);
        var index = positions.view(B, 1, T, 1).expand(B, K, T, D);
        var place = _store is null ? layer : 0;
        var keys = _keys[place].narrow(0, first, B);
        var values = _values[place].narrow(0, first, B);
        _store?.Load(layer, this);
        keys.scatter_(2, index, k);
        values.scatter_(2, index, v);
        _store?.Save(layer, this, (int)T);
        return (keys.narrow(2, 0, length), values.narrow(2, 0, length));
    }

    /// <summary>Adds <paramref name="count"/> positions to the length of each row of a range.</summary>
    internal void Advance(Range rows, int count)
    {
        foreach (ref var length in _lengths.AsSpan(rows))
        {
            length += count;
        }
    }

    public void Dispose()
    {
        foreach (var tensor in _keys.Concat(_values))
        {
            tensor.Dispose();
        }
    }

    private Span<float> HeadOf(Tensor tensor, int row, int head)
    {
        var size = Capacity * _headSize;
        return MemoryMarshal.Cast<byte, float>(tensor.bytes).Slice(((row * _heads) + head) * size, size);
    }
}
