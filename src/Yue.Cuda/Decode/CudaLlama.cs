using System.Runtime.InteropServices;
using Yue.Cuda.Compilation;

namespace Yue.Cuda.Decode;

/// <summary>Decodes 1 to 80 rows of one Llama model. A step is one launch and decodes one token per row.</summary>
/// <remarks>
/// A row has a token, a position and a page table in device memory, so a captured step can be replayed any number of times. Sampler kernels
/// change the token and the position on the device. The host changes all three between steps with <see cref="SetRow"/> and
/// <see cref="SetPages"/>. The result of a row is bit-identical regardless of the other rows. Not thread-safe; one thread owns the device.
/// </remarks>
public sealed unsafe class CudaLlama : IDisposable
{
    /// <summary>The maximum number of rows per step.</summary>
    public const int MaxRows = 80;

    private const int MaxSplits = 64;
    private const int MaxBlocks = 256;
    private const int MaxChunk = 2048;                         // maximum number of values of a weight row in a slot of the copy ring
    private const int HeadTiles = LlamaShape.HeadSize / 8;     // HEAD_TILES of step.cuh
    private static readonly int[] Builds = [8, 16, 32, 64, 80];

    private readonly List<IDisposable> _owned = [];
    private readonly Dictionary<int, StepKernel> _kernels = [];
    private readonly CudaDevice _device;
    private readonly KernelCache _cache;
    private readonly LlamaWeights _weights;
    private readonly DeviceMemory _layers;
    private readonly DeviceMemory _rope;
    private readonly DeviceMemory _barrier;
    private readonly DeviceMemory _rowState;
    private readonly DeviceMemory _pageTables;
    private readonly DeviceMemory _residual;
    private readonly DeviceMemory _normed;
    private readonly DeviceMemory _squares;
    private readonly DeviceMemory _query;
    private readonly DeviceMemory _fresh;
    private readonly DeviceMemory? _headNorms;
    private readonly DeviceMemory? _headSquares;
    private readonly DeviceMemory _attended;
    private readonly DeviceMemory _mlp;
    private readonly DeviceMemory _partial;
    private readonly DeviceMemory _partialStats;
    private readonly DeviceMemory _logits;
    private readonly KvCache _keyValues;
    private readonly int _maxSlots;
    private readonly bool _bulkCopies;
    private readonly int _elementBytes;     // size of values outside the cache: activations, the embedding, the norms

    /// <summary>Allocates the activations of <paramref name="rows"/> rows. <see cref="Prepare"/> or the first step loads the
    /// kernel.</summary>
    /// <param name="device">The device, whose context is current.</param>
    /// <param name="kernels">Compiled kernels.</param>
    /// <param name="shape">The model's shape.</param>
    /// <param name="weights">The weights' addresses.</param>
    /// <param name="keyValues">The cache that the rows' page tables point into; not disposed here.</param>
    /// <param name="rows">The maximum number of rows, at most 80.</param>
    /// <param name="headRows">The maximum number of rows of the output head in a step; the logits buffer has room for this many logits
    /// per row of a step.</param>
    /// <param name="maxSlots">The maximum number of slots of the copy ring, limited by shared memory. Tests use fewer slots to simulate a
    /// smaller GPU.</param>
    /// <param name="bulkCopies">True to use the bulk copy engine if there is one. Tests pass false to use the copies of older
    /// GPUs.</param>
    public CudaLlama(
        CudaDevice device, KernelCache kernels, LlamaShape shape, LlamaWeights weights, KvCache keyValues,
        int rows, int headRows, int maxSlots = int.MaxValue, bool bulkCopies = true)
    {
        ArgumentNullException.ThrowIfNull(shape);
        ArgumentNullException.ThrowIfNull(weights);
        ArgumentOutOfRangeException.ThrowIfLessThan(rows, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(rows, MaxRows);
        shape.Validate();
        if (weights.Layers.Count != shape.Layers)
        {
            throw new ArgumentException(
                $"the weights have {weights.Layers.Count} layers, but the model has {shape.Layers}", nameof(weights));
        }

        if (weights.Layers.Any(layer => (layer.QueryNorm != 0 && layer.KeyNorm != 0) != shape.NormsQueriesAndKeys))
        {
            throw new ArgumentException(
                $"the model {(shape.NormsQueriesAndKeys ? "normalizes" : "does not normalize")} queries and keys; its weights do not match",
                nameof(weights));
        }

        ArgumentNullException.ThrowIfNull(keyValues);
        if ((weights.Type == WeightType.Float32) != (keyValues.Type == CacheType.Float32))
        {
            throw new ArgumentException(
                $"{weights.Type} weights with a {keyValues.Type} cache; both must be float32, or neither", nameof(keyValues));
        }

        (_maxSlots, _bulkCopies, _elementBytes) = (
            maxSlots, bulkCopies, weights.Type == WeightType.Float32 ? sizeof(float) : sizeof(ushort));
        (_device, _cache, Shape, _weights, _keyValues, Rows, HeadRows) = (device, kernels, shape, weights, keyValues, rows, headRows);
        MaxPages = KvCache.PagesFor(shape.Context);
        try
        {
            using var stream = CudaStream.Create();
            _layers = Own(shape.Layers * 10L * sizeof(nint));
            _rope = Own(shape.Context * 64L * 2 * sizeof(float));
            _barrier = Own(256);
            _rowState = Own(3L * MaxRows * sizeof(int));
            _pageTables = Own((long)MaxRows * MaxPages * sizeof(int));
            _residual = Own((long)MaxRows * shape.Hidden * sizeof(float));
            _normed = Own(ProductInputBytes(shape.Hidden));
            _squares = Own(2L * MaxRows * MaxBlocks * sizeof(float));
            _query = Own((long)MaxRows * shape.Heads * LlamaShape.HeadSize * _elementBytes);
            _fresh = Own(2L * MaxRows * shape.KeyValueHeads * LlamaShape.HeadSize * _elementBytes);
            _attended = Own(ProductInputBytes(shape.Heads * LlamaShape.HeadSize));
            _mlp = Own(ProductInputBytes(shape.Intermediate));
            _partial = Own((long)rows * shape.Heads * MaxSplits * LlamaShape.HeadSize * sizeof(float));
            _partialStats = Own((long)rows * shape.Heads * MaxSplits * 2 * sizeof(float));
            _logits = Own((long)rows * headRows * sizeof(float));
            CudaCopy.ToDevice<nint>(_layers.Address, LayerTable(weights), stream);
            CudaCopy.ToDevice<float>(_rope.Address, RopeTable.Of(shape.RopeTheta, LlamaShape.HeadSize, shape.Context), stream);
            if (shape.NormsQueriesAndKeys)
            {
                _headNorms = Own(shape.Layers * 2L * HeadNormBytes);
                _headSquares = Own((long)MaxRows * (shape.Heads + shape.KeyValueHeads) * HeadTiles * sizeof(float));
                GatherHeadNorms(weights, stream);
            }

            _barrier.Fill(0, stream);
            _rowState.Fill(0, stream);
            _pageTables.Fill(0, stream);
            stream.Synchronize();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public LlamaShape Shape { get; }

    public int Rows { get; }

    public int HeadRows { get; }

    /// <summary>The maximum number of pages per row.</summary>
    public int MaxPages { get; }

    /// <summary>Float32 logits of the last step: [rows, head rows of that step].</summary>
    public nint Logits => _logits.Address;

    /// <summary>Each row's next token: int32 [80].</summary>
    public nint Tokens => _rowState.Address;

    /// <summary>The position of each row's next token: int32 [80].</summary>
    public nint Positions => _rowState.Address + (MaxRows * sizeof(int));

    /// <summary>One flag per row, 1 if the row is active: int32 [80]. An inactive row's cache is neither read nor written.</summary>
    public nint Active => _rowState.Address + (2 * MaxRows * sizeof(int));

    /// <summary>Returns the device address of a row's page numbers: int32 [<see cref="MaxPages"/>].</summary>
    public nint PageTableOf(int row) => _pageTables.Address + ((nint)row * MaxPages * sizeof(int));

    /// <summary>Sets a row's next token, its position and whether it is active.</summary>
    public void SetRow(CudaStream stream, int row, int token, int position, bool active)
    {
        CheckRow(row);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)token, (uint)Shape.Vocabulary, nameof(token));
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)position, (uint)Shape.Context, nameof(position));
        CudaCopy.ToDevice<int>(Tokens + (row * sizeof(int)), [token], stream);
        CudaCopy.ToDevice<int>(Positions + (row * sizeof(int)), [position], stream);
        CudaCopy.ToDevice<int>(Active + (row * sizeof(int)), [active ? 1 : 0], stream);
    }

    /// <summary>Removes a row from the following steps.</summary>
    public void StopRow(CudaStream stream, int row)
    {
        CheckRow(row);
        CudaCopy.ToDevice<int>(Active + (row * sizeof(int)), [0], stream);
    }

    /// <summary>Sets a row's pages, in order of position. They must cover every position that steps reach before the next call.</summary>
    public void SetPages(CudaStream stream, int row, ReadOnlySpan<int> pages)
    {
        CheckRow(row);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(pages.Length, MaxPages);
        foreach (var page in pages)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)page, (uint)_keyValues.Pages.Count, nameof(pages));
        }

        if (pages.Length > 0)
        {
            CudaCopy.ToDevice(PageTableOf(row), pages, stream);
        }
    }

    /// <summary>Loads the kernel for the given number of rows in advance, so that a capture does not have to.</summary>
    public void Prepare(int rows) => KernelFor(rows);

    /// <summary>Enqueues one step of the first <paramref name="rows"/> rows on the stream. It computes logits for
    /// <paramref name="headRows"/> ids from <paramref name="headStart"/> on, or none if <paramref name="headRows"/> is 0.</summary>
    public void Step(CudaStream stream, int rows, int headStart, int headRows)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(rows, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(rows, Rows);
        ArgumentOutOfRangeException.ThrowIfLessThan(headStart, headRows == 0 ? 0 : _weights.FirstHeadId);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(headRows, HeadRows);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(headStart + headRows, Shape.Vocabulary, nameof(headRows));
        var kernel = KernelFor(rows);
        var step = new StepParameters
        {
            Layers = _layers.Address,
            Embedding = _weights.Embedding,
            Head = _weights.Head,
            HeadScale = _weights.HeadScale,
            FinalNorm = _weights.FinalNorm,
            Rope = _rope.Address,
            Cache = _keyValues.Address,
            PageTable = _pageTables.Address,
            Token = Tokens,
            Position = Positions,
            Active = Active,
            Residual = _residual.Address,
            Normed = _normed.Address,
            Squares = _squares.Address,
            Query = _query.Address,
            Fresh = _fresh.Address,
            Attended = _attended.Address,
            Mlp = _mlp.Address,
            Partial = _partial.Address,
            PartialStats = _partialStats.Address,
            Logits = _logits.Address,
            Barrier = _barrier.Address,
            Rows = rows,
            LayerCount = Shape.Layers,
            MaxPages = MaxPages,
            Slots = kernel.Slots,
            HeadStart = headRows == 0 ? 0 : headStart - _weights.FirstHeadId,
            HeadRows = headRows,
            Epsilon = Shape.NormEpsilon,
            HeadNorms = _headNorms?.Address ?? 0,
            HeadSquares = _headSquares?.Address ?? 0,
        };
        kernel.Kernel.Launch(
            stream, (_device.MultiprocessorCount, 1), kernel.Layout.Threads, kernel.Layout.SharedBytes(kernel.Slots),
            cooperative: true, [(nint)(&step)]);
    }

    /// <summary>Fills the activations with a byte. With 0xFF, every value that a step does not write is a NaN. For tests.</summary>
    public void Poison(CudaStream stream, byte value)
    {
        foreach (var memory
            in (DeviceMemory?[])
            [
                _residual, _normed, _squares, _query, _fresh, _headSquares, _attended, _mlp, _partial, _partialStats, _logits,
            ])
        {
            memory?.Fill(value, stream);
        }
    }

    public void Dispose()
    {
        for (var i = _owned.Count - 1; i >= 0; i--)
        {
            _owned[i].Dispose();
        }

        _owned.Clear();
    }

    /// <summary>Returns the kernels that a decoder with this number of rows may compile.</summary>
    public static IEnumerable<KernelBuild> BuildsFor(LlamaShape shape, WeightType weights, CacheType cache, int rows) => Builds
        .Where((maxRows, i) => i == 0 || Builds[i - 1] < rows)
        .Select(maxRows => BuildFor(shape, weights, cache, maxRows));

    /// <summary>Returns the kernel of a step for the given number of rows. In float32, one kernel serves any number of rows.</summary>
    public static KernelBuild BuildFor(LlamaShape shape, WeightType weights, CacheType cache, int rows)
    {
        ArgumentNullException.ThrowIfNull(shape);
        string[] dimensions =
        [
            $"CACHE={(int)cache}", $"HIDDEN={shape.Hidden}", $"INTERMEDIATE={shape.Intermediate}",
            $"HEADS={shape.Heads}", $"KV_HEADS={shape.KeyValueHeads}", $"QK_NORM={(shape.NormsQueriesAndKeys ? 1 : 0)}",
            $"MAX_SPLITS={MaxSplits}", $"MAX_BLOCKS={MaxBlocks}",
        ];
        return weights == WeightType.Float32
            ? new KernelBuild("step_f32.cu", dimensions)
            : new KernelBuild("step.cu", [$"ROWS={Builds.First(maxRows => rows <= maxRows)}", $"WEIGHT={(int)weights}", .. dimensions]);
    }

    private static nint[] LayerTable(LlamaWeights weights) =>
    [
        .. weights.Layers.SelectMany(layer => (nint[])
        [
            layer.Qkv, layer.Output, layer.GateUp, layer.Down,
            layer.QkvScale, layer.OutputScale, layer.GateUpScale, layer.DownScale,
            layer.AttentionNorm, layer.MlpNorm,
        ]),
    ];

    /// <summary>Copies the query and key norm weights of all layers into the layout of the kernel: [layers, 2, 128].</summary>
    private void GatherHeadNorms(LlamaWeights weights, CudaStream stream)
    {
        var to = _headNorms!.Address;
        foreach (var norm in weights.Layers.SelectMany(layer => (nint[])[layer.QueryNorm, layer.KeyNorm]))
        {
            CudaCopy.OnDevice(to, norm, HeadNormBytes, stream);
            to += HeadNormBytes;
        }
    }

    /// <summary>Returns the size in bytes of a product's input for all rows, in whole chunks (x_index in model.cuh).</summary>
    private long ProductInputBytes(int width) => (long)MaxRows * ((width + MaxChunk - 1) / MaxChunk * MaxChunk) * _elementBytes;

    private int HeadNormBytes => LlamaShape.HeadSize * _elementBytes;

    private StepKernel KernelFor(int rows)
    {
        var build = Builds.First(maxRows => rows <= maxRows);
        if (_kernels.TryGetValue(build, out var known))
        {
            return known;
        }

        if (_device.MultiprocessorCount > MaxBlocks)
        {
            throw new NotSupportedException(
                $"{_device.Name} has {_device.MultiprocessorCount} multiprocessors; the kernels support at most {MaxBlocks}");
        }

        var (file, definitions) = BuildFor(Shape, _weights.Type, _keyValues.Type, build);
        var module = _cache.Load(_device, file, [.. definitions, .. _bulkCopies ? (string[])[] : ["YUE_NO_BULK=1"]]);
        _owned.Add(module);
        var kernel = module.Kernel("decode_step");
        var layout = module.Global<StepLayout>("step_layout");
        var slots = layout.Slots(build, _device.SharedMemoryPerBlock, _maxSlots);
        kernel.AllowSharedMemory(layout.SharedBytes(slots));
        return _kernels[build] = new StepKernel(kernel, layout, slots);
    }

    private void CheckRow(int row)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(row);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(row, Rows);
    }

    private DeviceMemory Own(long bytes)
    {
        var memory = DeviceMemory.Allocate(bytes);
        _owned.Add(memory);
        return memory;
    }

    /// <summary>A step kernel and its launch parameters.</summary>
    private readonly record struct StepKernel(CudaKernel Kernel, StepLayout Layout, int Slots);

    /// <summary>Mirrors <c>struct Step</c> in step.cuh.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct StepParameters
    {
        public nint Layers, Embedding, Head, HeadScale, FinalNorm, Rope, Cache, PageTable, Token, Position, Active;
        public nint Residual, Normed, Squares, Query, Fresh, Attended, Mlp, Partial, PartialStats, Logits, Barrier;
        public int Rows, LayerCount, MaxPages, Slots, HeadStart, HeadRows;
        public float Epsilon;
        public nint HeadNorms, HeadSquares;
    }
}
