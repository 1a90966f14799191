using Yue.Cuda.Compilation;

namespace Yue.Cuda.Decode;

/// <summary>The operations of a transformer block other than its matrix products and its attention, over many rows of bf16.</summary>
/// <remarks>All addresses are 16-byte aligned. Not thread-safe.</remarks>
public sealed unsafe class BlockKernels : IDisposable
{
    private const int Threads = 256;
    private const int WarpsPerBlock = 8;
    private const int MaxWidth = 8192;
    private const int ValuesPerPiece = 8;
    private const string Source = "block.cu";

    private readonly CudaModule _module;
    private readonly CudaKernel _addNorm;
    private readonly CudaKernel _splitHeads;
    private readonly CudaKernel _siluUp;
    private readonly int _blocks;

    public BlockKernels(CudaDevice device, KernelCache kernels)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(kernels);
        _module = kernels.Load(device, Source);
        _addNorm = _module.Kernel("add_norm");
        _splitHeads = _module.Kernel("split_heads");
        _siluUp = _module.Kernel("silu_up");
        _blocks = device.MultiprocessorCount * WarpsPerBlock;
    }

    /// <summary>The kernel file to compile.</summary>
    public static KernelBuild Build { get; } = new(Source, []);

    /// <summary>Adds to the residual stream and normalizes it: x += delta, y = x · weight / rms(x).</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="x">[rows, width].</param>
    /// <param name="delta">[rows, width]; 0 to add nothing.</param>
    /// <param name="weight">[width].</param>
    /// <param name="y">Receives [rows, width].</param>
    /// <param name="rows">The number of rows.</param>
    /// <param name="width">A multiple of 8, at most 8,192.</param>
    /// <param name="epsilon">Added to the mean of the squares.</param>
    public void AddNorm(CudaStream stream, nint x, nint delta, nint weight, nint y, int rows, int width, float epsilon)
    {
        if (width % ValuesPerPiece != 0 || width > MaxWidth)
        {
            throw new NotSupportedException($"rows of {width} values; a multiple of {ValuesPerPiece} up to {MaxWidth} is required");
        }

        _addNorm.Launch(
            stream, (rows, 1), Threads, 0, cooperative: false,
            [(nint)(&x), (nint)(&delta), (nint)(&weight), (nint)(&y), (nint)(&width), (nint)(&epsilon)]);
    }

    /// <summary>Normalizes and rotates query and key heads, and writes all heads to the layout that attention reads.</summary>
    public void SplitHeads(CudaStream stream, in HeadSplit split)
    {
        var (qkv, queryNorm, keyNorm, cos, sin) = (split.Qkv, split.QueryNorm, split.KeyNorm, split.Cos, split.Sin);
        var (queries, keys, values, heads, keyValueHeads) = (split.Queries, split.Keys, split.Values, split.Heads, split.KeyValueHeads);
        var (first, headStride, epsilon) = (split.First, (long)split.Capacity * LlamaShape.HeadSize, split.Epsilon);
        var blocks = (heads + (2 * keyValueHeads) + WarpsPerBlock - 1) / WarpsPerBlock;
        _splitHeads.Launch(stream, (split.Rows, blocks), Threads, 0, cooperative: false,
        [
            (nint)(&qkv), (nint)(&queryNorm), (nint)(&keyNorm), (nint)(&cos), (nint)(&sin), (nint)(&queries), (nint)(&keys),
            (nint)(&values), (nint)(&heads), (nint)(&keyValueHeads), (nint)(&first), (nint)(&headStride), (nint)(&epsilon),
        ]);
    }

    /// <summary>Multiplies silu(gate) by up.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="gateUp">Pairs of gate and up.</param>
    /// <param name="y">Receives one value per pair.</param>
    /// <param name="pairs">The number of pairs, a multiple of 8.</param>
    public void SiluUp(CudaStream stream, nint gateUp, nint y, long pairs)
    {
        if (pairs % ValuesPerPiece != 0)
        {
            throw new NotSupportedException($"{pairs} pairs of gate and up; a multiple of {ValuesPerPiece} is required");
        }

        var pieces = pairs / ValuesPerPiece;
        _siluUp.Launch(stream, (_blocks, 1), Threads, 0, cooperative: false, [(nint)(&gateUp), (nint)(&y), (nint)(&pieces)]);
    }

    public void Dispose() => _module.Dispose();
}

/// <summary>The addresses and sizes for <see cref="BlockKernels.SplitHeads"/>; heads have 128 values.</summary>
public readonly record struct HeadSplit
{
    /// <summary>[rows, heads + 2 · key-value heads, 128].</summary>
    public required nint Qkv { get; init; }

    /// <summary>[128].</summary>
    public required nint QueryNorm { get; init; }

    /// <summary>[128].</summary>
    public required nint KeyNorm { get; init; }

    /// <summary>Float32 [positions, 64].</summary>
    public required nint Cos { get; init; }

    /// <summary>Float32 [positions, 64].</summary>
    public required nint Sin { get; init; }

    /// <summary>Receives [heads, rows, 128].</summary>
    public required nint Queries { get; init; }

    /// <summary>[key-value heads, capacity, 128]; receives the rows' keys, from position <see cref="First"/> on.</summary>
    public required nint Keys { get; init; }

    /// <summary>The same as <see cref="Keys"/>, for values.</summary>
    public required nint Values { get; init; }

    public required int Rows { get; init; }

    public required int Heads { get; init; }

    public required int KeyValueHeads { get; init; }

    /// <summary>The position of the first row.</summary>
    public required int First { get; init; }

    /// <summary>The number of positions for which <see cref="Keys"/> and <see cref="Values"/> have space.</summary>
    public required int Capacity { get; init; }

    public required float Epsilon { get; init; }
}
