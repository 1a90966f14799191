using Yue.Cuda.Compilation;

namespace Yue.Cuda.Decode;

/// <summary>The keys and values of all rows in pages of 64 positions, so that a row can grow without copying.</summary>
/// <remarks>
/// The memory contains <c>[pages, layers, 2 (keys, values), key-value heads]</c> blocks, each of 64 positions of 128 values, in the layout
/// of cache.cuh. <see cref="CopyIn"/> and <see cref="CopyOut"/> convert from and to plain bf16, or float32 if the cache is float32. Not
/// thread-safe.
/// </remarks>
public sealed class KvCache : IDisposable
{
    /// <summary>The number of positions per page.</summary>
    public const int PageSize = 64;

    private readonly LlamaShape _shape;
    private readonly DeviceMemory _memory;
    private readonly CudaModule _module;
    private readonly CudaKernel _copy;

    /// <summary>Allocates <paramref name="pages"/> pages of device memory.</summary>
    public KvCache(CudaDevice device, KernelCache kernels, LlamaShape shape, int pages, CacheType type = CacheType.BFloat16)
    {
        ArgumentNullException.ThrowIfNull(kernels);
        ArgumentNullException.ThrowIfNull(shape);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(pages);
        _shape = shape;
        Pages = new PagePool(pages);
        Type = type;
        try
        {
            _memory = DeviceMemory.Allocate(PageBytes(shape, type) * pages);
            _module = kernels.Load(device, "cache_copy.cu", $"CACHE={(int)type}");
            _copy = _module.Kernel("cache_copy");
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public CacheType Type { get; }

    /// <summary>The pages and their holders.</summary>
    public PagePool Pages { get; }

    /// <summary>The device address of page 0.</summary>
    public nint Address => _memory.Address;

    /// <summary>Returns the size in bytes of one page across all layers: in bf16, 4 MiB for stage 1 and 16 MiB for stage 2; in fp8, 52 % of
    /// that size; in float32, twice that size.</summary>
    public static long PageBytes(LlamaShape shape, CacheType type = CacheType.BFloat16)
    {
        ArgumentNullException.ThrowIfNull(shape);
        var positionBytes = type switch
        {
            CacheType.Float32 => LlamaShape.HeadSize * sizeof(float),
            CacheType.BFloat16 => LlamaShape.HeadSize * sizeof(ushort),
            _ => LlamaShape.HeadSize + sizeof(float),
        };
        return (long)shape.Layers * 2 * shape.KeyValueHeads * PageSize * positionBytes;
    }

    /// <summary>Returns the number of pages needed for <paramref name="positions"/> positions.</summary>
    public static int PagesFor(int positions) => (positions + PageSize - 1) / PageSize;

    /// <summary>Copies a page to another page.</summary>
    public void CopyPage(CudaStream stream, int from, int to)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)from, (uint)Pages.Count, nameof(from));
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)to, (uint)Pages.Count, nameof(to));
        var bytes = PageBytes(_shape, Type);
        CudaCopy.OnDevice(_memory.Address + (nint)(to * bytes), _memory.Address + (nint)(from * bytes), bytes, stream);
    }

    /// <summary>Appends a prefilled block of one layer to a row, from position <paramref name="start"/> on.</summary>
    /// <param name="stream">The stream of the copy.</param>
    /// <param name="pageTable">Device address of the row's page numbers (<see cref="CudaLlama.PageTableOf"/>).</param>
    /// <param name="layer">The layer.</param>
    /// <param name="start">The position at which the block begins.</param>
    /// <param name="block">The block, 16-byte aligned.</param>
    public void CopyIn(CudaStream stream, nint pageTable, int layer, int start, KeyValueBlock block) =>
        Copy(stream, pageTable, layer, start, block, 1);

    /// <summary>Copies a row's keys and values of one layer to a block: as many positions as the block has, from <paramref name="start"/>
    /// on.</summary>
    /// <param name="stream">The stream of the copy.</param>
    /// <param name="pageTable">Device address of the row's page numbers.</param>
    /// <param name="layer">The layer.</param>
    /// <param name="start">The first position.</param>
    /// <param name="block">Receives keys and values.</param>
    public void CopyOut(CudaStream stream, nint pageTable, int layer, int start, KeyValueBlock block) =>
        Copy(stream, pageTable, layer, start, block, 0);

    /// <summary>Fills all pages with a byte. For tests, which check that unwritten values do not matter.</summary>
    public void Fill(byte value, CudaStream stream) => _memory.Fill(value, stream);

    public void Dispose()
    {
        // A member is null if the constructor threw before setting it.
        _memory?.Dispose();
        _module?.Dispose();
    }

    private unsafe void Copy(CudaStream stream, nint pageTable, int layer, int start, KeyValueBlock block, int toCache)
    {
        if (block.Positions == 0)
        {
            return;
        }

        ArgumentOutOfRangeException.ThrowIfNegative(layer);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(layer, _shape.Layers);
        var (cache, layers, heads, keys, values) = (_memory.Address, _shape.Layers, _shape.KeyValueHeads, block.Keys, block.Values);
        var (positionStride, headStride) = (block.PositionStride, block.HeadStride);
        _copy.Launch(stream, (block.Positions, 2), 16 * Math.Min(heads, 16), 0, cooperative: false,
        [
            (nint)(&cache), (nint)(&pageTable), (nint)(&layer), (nint)(&layers), (nint)(&heads), (nint)(&start),
            (nint)(&keys), (nint)(&values), (nint)(&positionStride), (nint)(&headStride), (nint)(&toCache),
        ]);
    }
}

/// <summary>Dense keys and values of consecutive positions: element [t, k, d] is at t·PositionStride + k·HeadStride + d, counted in
/// values.</summary>
public readonly record struct KeyValueBlock(nint Keys, nint Values, int Positions, long PositionStride, long HeadStride);
