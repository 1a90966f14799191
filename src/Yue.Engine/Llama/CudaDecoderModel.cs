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
/// <remarks>The decoder's paged cache holds every row. Prompts are prefilled in a dense cache of few rows, which all rows use in turn:
/// the row's positions are copied in, and the new ones are copied back. Used by the engine's thread only.</remarks>
internal sealed class CudaDecoderModel : IDisposable
{
    private readonly LlamaModel _model;
    private readonly KvCache _dense;
    private readonly RowPages _pages;

    /// <summary>Creates a decoder for a loaded model.</summary>
    /// <param name="model">The model, on the GPU; the caller keeps it.</param>
    /// <param name="gpu">The GPU.</param>
    /// <param name="rows">The number of sequences that can run at once.</param>
    /// <param name="context">The maximum number of positions of a row.</param>
    /// <param name="positions">The positions that all rows together can hold.</param>
    /// <param name="headRows">The maximum number of ids that a step scores.</param>
    /// <param name="prompts">The prompts that are prefilled at once.</param>
    public CudaDecoderModel(LlamaModel model, Gpu gpu, int rows, int context, int positions, int headRows, PromptBatch prompts)
    {
        _model = model;
        var shape = ShapeOf(model.Config, context);
        Pages = new Cuda.Decode.KvCache(gpu.Device, gpu.Kernels, shape, Cuda.Decode.KvCache.PagesFor(positions) + rows, gpu.Cache);
        Decoder = new CudaLlama(gpu.Device, gpu.Kernels, shape, AddressesOf(model.Weights), Pages, rows, headRows);
        _dense = model.NewCache(prompts.Rows, prompts.Positions);
        _pages = new RowPages(Pages.Pages, rows);
    }

    /// <summary>The decode steps.</summary>
    public CudaLlama Decoder { get; }

    /// <summary>The rows' keys and values.</summary>
    public Cuda.Decode.KvCache Pages { get; }

    /// <summary>The number of pages that no row has.</summary>
    public int FreePages => Pages.Pages.Free;

    /// <summary>The dense cache, which holds nothing between two prompts.</summary>
    public KvCache Prompts => _dense;

    /// <summary>The stream that the steps run on.</summary>
    public CudaStream Stream { get; } = CudaStream.Create();

    /// <summary>Returns the device memory of a decoder's caches in bytes: the pages of all rows and the dense cache for prompts.</summary>
    /// <param name="config">The model.</param>
    /// <param name="type">The type of keys and values in the pages. The dense cache is F32 if they are, otherwise BF16.</param>
    /// <param name="rows">The number of sequences that can run at once.</param>
    /// <param name="positions">The positions that all rows together can hold.</param>
    /// <param name="prompts">The prompts that are prefilled at once.</param>
    public static long CacheBytes(LlamaConfig config, CacheType type, int rows, long positions, PromptBatch prompts)
    {
        var shape = ShapeOf(config, prompts.Positions);
        var page = Cuda.Decode.KvCache.PageBytes(shape, type);
        var denseType = type == CacheType.Float32 ? type : CacheType.BFloat16;
        var dense = Cuda.Decode.KvCache.PageBytes(shape, denseType) / Cuda.Decode.KvCache.PageSize * prompts.Positions * prompts.Rows;
        return (page * (Cuda.Decode.KvCache.PagesFor((int)positions) + rows)) + dense;
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

    /// <summary>Adds pages to a row until they suffice for a number of positions.</summary>
    public void Reserve(int row, int positions)
    {
        if (_pages.Reserve(row, positions) is > 0 and var missing)
        {
            throw new SongException($"the device's cache has {Pages.Pages.Free} free pages, {missing} more are needed");
        }

        SetPages(row);
    }

    /// <summary>Makes a row reuse the positions start .. start + count of another row, as if it had prefilled the same ids after the same
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

    /// <summary>Releases the pages of a row that it does not need for its first positions; the row can continue after them. No step of the
    /// row may be running.</summary>
    public void Truncate(int row, int positions)
    {
        CopyPage(_pages.Truncate(row, positions));
        SetPages(row);
    }

    /// <summary>Releases a row's pages. No step that reads them may be running.</summary>
    public void Release(int row) => _pages.Release(row);

    /// <summary>Appends ids to a row that holds <paramref name="held"/> positions and has the pages for them.</summary>
    public void Prefill(int row, int held, ReadOnlySpan<int> ids)
    {
        if (ids.IsEmpty)
        {
            return;
        }

        _dense.Clear(0);
        CopyOut(row, held, _dense);
        _model.Prefill(ids, _dense, row: 0).Dispose();
        cuda.synchronize();
        Exchange(_dense, 0, row, held, ids.Length, toPages: true);
        Stream.Synchronize();
    }

    /// <summary>Prefills prompts into empty rows that have the pages for them, in batches of prompts of the same length.</summary>
    /// <remarks>An incomplete batch is filled up with its last prompt. The blocking of a product depends on its size, so otherwise a row's
    /// bits would depend on the number of other prompts.</remarks>
    /// <param name="prompts">The rows and their ids, at most <see cref="LlamaModel.PrefillChunk"/> each.</param>
    public void Prefill(IEnumerable<(int Row, int[] Ids)> prompts)
    {
        foreach (var length in prompts.GroupBy(prompt => prompt.Ids.Length))
        {
            foreach (var batch in length.Chunk(_dense.Lengths.Length))
            {
                Prefill(batch, length.Key);
            }
        }
    }

    /// <summary>Copies the first positions of a row into the empty first row of a dense cache of the model.</summary>
    public void CopyOut(int row, int count, KvCache dense)
    {
        cuda.synchronize();     // TorchSharp may still be writing to the cache
        Exchange(dense, 0, row, 0, count, toPages: false);
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

    private void Prefill((int Row, int[] Ids)[] batch, int length)
    {
        var rows = _dense.Lengths.Length;
        int[] ids = [.. Enumerable.Range(0, rows).SelectMany(i => batch[Math.Min(i, batch.Length - 1)].Ids)];
        for (var i = 0; i < rows; i++)
        {
            _dense.Clear(i);
        }

        _model.Step(ids, _dense, 0..rows).Dispose();
        cuda.synchronize();
        for (var i = 0; i < batch.Length; i++)
        {
            Exchange(_dense, i, batch[i].Row, 0, length, toPages: true);
        }

        Stream.Synchronize();
    }

    public void Dispose()
    {
        Stream.Dispose();
        Decoder.Dispose();
        Pages.Dispose();
        _dense.Dispose();
    }

    private void Exchange(KvCache dense, int denseRow, int row, int start, int count, bool toPages)
    {
        var config = _model.Config;
        var byteOffset = (nint)start * config.HeadSize * dense.ElementBytes;
        for (var layer = 0; layer < config.Layers; layer++)
        {
            var (keys, values) = dense.Addresses(layer, denseRow);
            var block = new KeyValueBlock(
                keys + byteOffset, values + byteOffset, count, config.HeadSize, (long)dense.Capacity * config.HeadSize);
            if (toPages)
            {
                Pages.CopyIn(Stream, Decoder.PageTableOf(row), layer, start, block);
            }
            else
            {
                Pages.CopyOut(Stream, Decoder.PageTableOf(row), layer, start, block);
            }
        }
    }

    private static Cuda.Decode.LlamaWeights AddressesOf(LlamaWeights weights) => new()
    {
        Type = weights.Head.Type,
        Embedding = weights.Embedding.Address(),
        Head = weights.Head.Values.Address(),
        HeadScale = ScaleOf(weights.Head),
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
}
