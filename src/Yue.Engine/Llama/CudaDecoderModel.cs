using Yue.Cuda;
using Yue.Cuda.Decode;
using Yue.Engine.Residency;
using Yue.Engine.Songs;
using Yue.Engine.Weights;
using static TorchSharp.torch;

namespace Yue.Engine.Llama;

/// <summary>The number of prompts that a decoder prefills at once, and the maximum number of positions of each, including those that its
/// row already holds.</summary>
internal readonly record struct PromptBatch(int Rows, int Positions);

/// <summary>A language model on a GPU. TorchSharp prefills and Yue.Cuda decodes, with the same weights in memory.</summary>
/// <remarks>The decoder's paged cache holds every row. TorchSharp attends to dense keys and values, so a prefill copies each layer from the
/// pages to a dense cache of one layer, and the new positions back. Used by the engine's thread only.</remarks>
internal sealed class CudaDecoderModel : IDisposable
{
    private readonly LlamaModel _model;
    private readonly KvCache _dense;        // a cache of one layer
    private readonly PromptPages _prompts;
    private readonly RowPages _pages;

    /// <summary>Creates a decoder for a loaded model.</summary>
    /// <param name="model">The model, on the GPU; the caller owns it.</param>
    /// <param name="gpu">The GPU.</param>
    /// <param name="rows">The number of sequences that can run at once.</param>
    /// <param name="context">The maximum number of positions per row.</param>
    /// <param name="positions">The number of positions that all rows together can hold.</param>
    /// <param name="headRows">The maximum number of ids that a step scores.</param>
    /// <param name="prompts">The prompts that are prefilled at once.</param>
    public CudaDecoderModel(LlamaModel model, Gpu gpu, int rows, int context, int positions, int headRows, PromptBatch prompts)
    {
        _model = model;
        var shape = ShapeOf(model.Config, context);
        _prompts = new PromptPages(this);
        try
        {
            Pages = new Cuda.Decode.KvCache(gpu.Device, gpu.Kernels, shape, Cuda.Decode.KvCache.PagesFor(positions) + rows, gpu.Cache);
            Decoder = new CudaLlama(gpu.Device, gpu.Kernels, shape, AddressesOf(model.Weights), Pages, rows, headRows);
            _dense = model.NewLayerCache(prompts.Rows, prompts.Positions, _prompts);
            _pages = new RowPages(Pages.Pages, rows);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Runs the decode steps.</summary>
    public CudaLlama Decoder { get; }

    /// <summary>The rows' keys and values.</summary>
    public Cuda.Decode.KvCache Pages { get; }

    /// <summary>The number of free pages.</summary>
    public int FreePages => Pages.Pages.Free;

    /// <summary>The stream that the steps run on.</summary>
    public CudaStream Stream { get; } = CudaStream.Create();

    /// <summary>Returns the device memory of a decoder's caches in bytes: the pages of all rows and the dense layer for prompts.</summary>
    /// <param name="config">The model.</param>
    /// <param name="type">The type of keys and values in the pages.</param>
    /// <param name="rows">The number of sequences that can run at once.</param>
    /// <param name="positions">The number of positions that all rows together can hold.</param>
    /// <param name="prompts">The prompts that are prefilled at once.</param>
    public static long CacheBytes(LlamaConfig config, CacheType type, int rows, long positions, PromptBatch prompts)
    {
        var page = Cuda.Decode.KvCache.PageBytes(ShapeOf(config, prompts.Positions), type);
        return (page * (Cuda.Decode.KvCache.PagesFor((int)positions) + rows)) + DenseBytes(config with { Layers = 1 }, type, prompts);
    }

    /// <summary>Returns the device memory of a dense cache in bytes.</summary>
    /// <param name="config">The model.</param>
    /// <param name="type">The type of keys and values in the pages. The dense cache is F32 if the pages are, otherwise BF16.</param>
    /// <param name="size">The number of rows, and the number of positions of each.</param>
    public static long DenseBytes(LlamaConfig config, CacheType type, PromptBatch size)
    {
        var denseType = type == CacheType.Float32 ? type : CacheType.BFloat16;
        var page = Cuda.Decode.KvCache.PageBytes(ShapeOf(config, size.Positions), denseType);
        return page / Cuda.Decode.KvCache.PageSize * size.Positions * size.Rows;
    }

    /// <summary>Returns a checkpoint's dimensions in the form that the kernels need.</summary>
    public static LlamaShape ShapeOf(LlamaConfig config, int context) => new()
    {
        Layers = config.Layers,
        Hidden = config.HiddenSize,
        Intermediate = config.IntermediateSize,
        Heads = config.Heads,
        KeyValueHeads = config.KeyValueHeads,
        Vocabulary = config.VocabularySize,
        Context = context,
        RopeTheta = config.RopeTheta,
        NormEpsilon = (float)config.RmsNormEpsilon,
        NormsQueriesAndKeys = config.NormsQueriesAndKeys,
    };

    /// <summary>Adds pages to a row until it has enough for the given number of positions.</summary>
    public void Reserve(int row, int positions)
    {
        if (_pages.Reserve(row, positions) is > 0 and var missing)
        {
            throw new SongException($"the device's cache has {Pages.Pages.Free} free pages; {missing} more are needed");
        }

        SetPages(row);
    }

    /// <summary>Makes a row reuse <paramref name="count"/> positions of another row, as if it had prefilled the same ids after the same
    /// prefix. Complete pages are shared.</summary>
    /// <param name="row">The row, which holds <paramref name="start"/> positions and has the pages for more.</param>
    /// <param name="holder">The other row, which must not change these positions.</param>
    /// <param name="start">The first position, at the start of a page.</param>
    /// <param name="count">The number of positions.</param>
    public void Adopt(int row, int holder, int start, int count)
    {
        CopyPage(_pages.Adopt(row, holder, start, start + count));
        SetPages(row);
    }

    /// <summary>Releases the pages that a row does not need for its first <paramref name="positions"/> positions. The row can continue
    /// after these positions. No step of the row may be running.</summary>
    public void Truncate(int row, int positions)
    {
        CopyPage(_pages.Truncate(row, positions));
        SetPages(row);
    }

    /// <summary>Releases a row's pages. No step that reads them may be running.</summary>
    public void Release(int row) => _pages.Release(row);

    /// <summary>Appends ids to a row that holds <paramref name="held"/> positions and has the pages for the new ones.</summary>
    public void Prefill(int row, int held, ReadOnlySpan<int> ids)
    {
        if (ids.IsEmpty)
        {
            return;
        }

        _dense.Clear(0);
        _dense.Extend(0, held);
        Stream.Synchronize();       // waits until the row's pages and page table are complete
        _prompts.Rows = [row];
        _model.Prefill(ids, _dense, row: 0).Dispose();
        cuda.synchronize();
    }

    /// <summary>Prefills prompts into empty rows that have the pages for them, in batches of prompts of the same length.</summary>
    /// <remarks>An incomplete batch is padded with copies of its last prompt. Otherwise, a row's bits would depend on the number of other
    /// prompts, because the blocking of a matrix product depends on its size.</remarks>
    /// <param name="prompts">The rows and their ids, at most <see cref="LlamaModel.PrefillChunk"/> each.</param>
    public void Prefill(IEnumerable<(int Row, int[] Ids)> prompts)
    {
        foreach (var length in prompts.GroupBy(prompt => prompt.Ids.Length))
        {
            foreach (var batch in length.Chunk(_dense.Lengths.Length))
            {
                Prefill(batch);
            }
        }
    }

    /// <summary>Copies the first positions of a row into the empty first row of a dense cache of the model.</summary>
    public void CopyOut(int row, int count, KvCache dense)
    {
        cuda.synchronize();     // TorchSharp may still be writing to the cache
        for (var layer = 0; layer < _model.Config.Layers; layer++)
        {
            Pages.CopyOut(Stream, Decoder.PageTableOf(row), layer, 0, BlockOf(dense, layer, 0, 0, count));
        }

        Stream.Synchronize();
        dense.Extend(0, count);
    }

    private void SetPages(int row) => Decoder.SetPages(Stream, row, _pages[row].ToArray());

    private void CopyPage((int From, int To)? pages)
    {
        if (pages is var (from, to))
        {
            Pages.CopyPage(Stream, from, to);
        }
    }

    private void Prefill((int Row, int[] Ids)[] batch)
    {
        var rows = _dense.Lengths.Length;
        int[] ids = [.. Enumerable.Range(0, rows).SelectMany(i => batch[Math.Min(i, batch.Length - 1)].Ids)];
        for (var i = 0; i < rows; i++)
        {
            _dense.Clear(i);
        }

        Stream.Synchronize();       // waits until the rows' page tables are complete
        _prompts.Rows = Array.ConvertAll(batch, prompt => prompt.Row);
        _model.Step(ids, _dense, 0..rows).Dispose();
        cuda.synchronize();
    }

    public void Dispose()
    {
        Stream.Dispose();

        // A member is null if the constructor threw before setting it.
        Decoder?.Dispose();
        Pages?.Dispose();
        _dense?.Dispose();
    }

    /// <summary>Returns the keys and values of a range of positions in a row of a dense cache.</summary>
    private KeyValueBlock BlockOf(KvCache dense, int layer, int row, int start, int count)
    {
        var headSize = _model.Config.HeadSize;
        var (keys, values) = dense.Addresses(layer, row);
        var offset = (nint)start * headSize * dense.ElementBytes;
        return new KeyValueBlock(keys + offset, values + offset, count, headSize, (long)dense.Capacity * headSize);
    }

    private static Cuda.Decode.LlamaWeights AddressesOf(LlamaWeights weights) => new()
    {
        Type = weights.Head.Type,
        Embedding = weights.Embedding.Address(),
        Head = weights.Head.Values.Address(),
        HeadScale = ScaleOf(weights.Head),
        FirstHeadId = weights.ScoredIds.Low,
        FinalNorm = weights.Norm.Address(),
        Layers =
        [
            .. weights.Layers.Select(layer => new LayerWeights
            {
                Qkv = layer.Qkv.Values.Address(),
                Output = layer.Output.Values.Address(),
                GateUp = layer.GateUp.Values.Address(),
                Down = layer.Down.Values.Address(),
                QkvScale = ScaleOf(layer.Qkv),
                OutputScale = ScaleOf(layer.Output),
                GateUpScale = ScaleOf(layer.GateUp),
                DownScale = ScaleOf(layer.Down),
                AttentionNorm = layer.InputNorm.Address(),
                MlpNorm = layer.PostNorm.Address(),
                QueryNorm = layer.QueryNorm?.Address() ?? 0,
                KeyNorm = layer.KeyNorm?.Address() ?? 0,
            }),
        ],
    };

    private static nint ScaleOf(WeightMatrix matrix) => matrix.Scales?.Address() ?? 0;

    /// <summary>The pages of the rows that are being prefilled. Copies run on TorchSharp's stream, so they are in order with its
    /// work.</summary>
    private sealed class PromptPages(CudaDecoderModel model) : ILayerStore
    {
        /// <summary>The decoder's row for each row of the dense cache. Any further dense rows are not stored.</summary>
        public int[] Rows { get; set; } = [];

        public void Load(int layer, KvCache cache)
        {
            for (var i = 0; i < Rows.Length; i++)
            {
                model.Pages.CopyOut(
                    CudaStream.Legacy, PageTableOf(i), layer, 0, model.BlockOf(cache, 0, i, start: 0, cache.Lengths[i]));
            }
        }

        public void Save(int layer, KvCache cache, int count)
        {
            for (var i = 0; i < Rows.Length; i++)
            {
                var start = cache.Lengths[i];
                model.Pages.CopyIn(CudaStream.Legacy, PageTableOf(i), layer, start, model.BlockOf(cache, 0, i, start, count));
            }
        }

        private nint PageTableOf(int i) => model.Decoder.PageTableOf(Rows[i]);
    }
}
