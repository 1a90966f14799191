using Yue.Cuda.Decode;

namespace Yue.Cuda.Tests;

/// <summary>A test model with its cache and decoder, and rows with random cached keys and values.</summary>
internal sealed class DecodeBench : IDisposable
{
    private readonly List<List<int>> _pages = [];

    public DecodeBench(
        Gpu gpu, LlamaShape shape, WeightType type, int rows, int pages, CacheType cache = CacheType.BFloat16,
        int seed = 1, int maxSlots = 32, bool bulkCopies = true)
    {
        var device = gpu.Require();
        Stream = CudaStream.Create();
        Model = new TestModel(shape, type, seed, Stream);
        Cache = new KvCache(device, gpu.Kernels, shape, pages, cache);
        Cache.Fill(0xff, Stream);
        Llama = new CudaLlama(device, gpu.Kernels, shape, Model.Weights, Cache, rows, shape.Vocabulary, maxSlots, bulkCopies);
    }

    public CudaStream Stream { get; }

    public TestModel Model { get; }

    public KvCache Cache { get; }

    public CudaLlama Llama { get; }

    /// <summary>Assigns pages to a row, fills its first positions with random keys and values, and returns a reference row with the same
    /// cache. Equal seeds give equal values.</summary>
    public ReferenceLlama StartRow(int row, int positions, int seed, int spare = 1)
    {
        var pages = new List<int>();
        if (!Cache.Pages.TryTake(KvCache.PagesFor(positions + spare), pages))
        {
            throw new InvalidOperationException("too few pages for the test");
        }

        _pages.Add(pages);
        Llama.SetPages(Stream, row, pages.ToArray());
        var reference = new ReferenceLlama(Model, Cache.Type);
        var random = new Random(seed);
        var width = Model.Shape.KeyValueHeads * LlamaShape.HeadSize;
        for (var layer = 0; layer < Model.Shape.Layers && positions > 0; layer++)
        {
            var keys = Dense(random, positions * width);
            var values = Dense(random, positions * width);
            using var deviceKeys = Upload(keys);
            using var deviceValues = Upload(values);
            Cache.CopyIn(
                Stream, Llama.PageTableOf(row), layer, 0,
                new KeyValueBlock(deviceKeys.Address, deviceValues.Address, positions, width, LlamaShape.HeadSize));
            Stream.Synchronize();
            for (var t = 0; t < positions; t++)
            {
                reference.Append(layer, keys[(t * width)..((t + 1) * width)], values[(t * width)..((t + 1) * width)]);
            }
        }

        return reference;
    }

    /// <summary>Returns random values that are exact in the type that is copied to <see cref="Cache"/>: float32 for a float32 cache,
    /// otherwise bf16.</summary>
    public float[] Dense(Random random, int count) => Cache.Type == CacheType.Float32
        ? [.. Enumerable.Range(0, count).Select(_ => ((float)random.NextDouble() * 4) - 2)]
        : [.. Bf16.Random(random, count, 2).Select(Bf16.ToFloat)];

    /// <summary>Copies values to the device, as float32 for a float32 cache and otherwise as bf16.</summary>
    public DeviceMemory Upload(float[] values) => Cache.Type == CacheType.Float32
        ? TestMatrix.Upload<float>(values, Stream)
        : TestMatrix.Upload<ushort>([.. values.Select(value => Bf16.From(value))], Stream);

    /// <summary>Copies values from the device, where they are float32 for a float32 cache and otherwise bf16.</summary>
    public float[] Download(DeviceMemory memory, int count) => Cache.Type == CacheType.Float32
        ? CudaCopy.ToHost<float>(memory.Address, count, Stream)
        : [.. CudaCopy.ToHost<ushort>(memory.Address, count, Stream).Select(Bf16.ToFloat)];

    /// <summary>Sets all activations to NaN, runs one step without a graph, and returns its logits.</summary>
    public float[] Step(int rows, int headStart, int headRows)
    {
        Llama.Poison(Stream, 0xff);
        Llama.Step(Stream, rows, headStart, headRows);
        return CudaCopy.ToHost<float>(Llama.Logits, rows * headRows, Stream);
    }

    /// <summary>Returns the pages of all rows to the pool without clearing them.</summary>
    public void ReturnPages()
    {
        Stream.Synchronize();
        _pages.ForEach(pages => pages.ForEach(Cache.Pages.Return));
        _pages.Clear();
    }

    public void Dispose()
    {
        Stream.Synchronize();
        Llama.Dispose();
        Cache.Dispose();
        Model.Dispose();
        Stream.Dispose();
    }
}
