using Yue.Cuda;
using Yue.Cuda.Compilation;
using Yue.Cuda.Decode;
using Yue.Engine.Llama;
using Yue.Engine.Residency;
using Yue.Engine.Songs;

namespace Yue.Engine.Families.Yue2.Stages;

/// <summary>The stage decoder on a GPU. The stages of all songs share a step, sampling runs on the device, and the host reads a few ids at
/// a time.</summary>
/// <remarks>A stage has one row, and a second one if it is guided. A row's result does not depend on the other rows, so a song's ids are
/// the same whether or not other songs run. A step reads the part of the head that its stages need.</remarks>
internal sealed class CudaStageDecoder : IStageDecoder
{
    /// <summary>The number of steps launched before the host reads the ids. They take about 20 ms with the 3B model.</summary>
    private const int StepsPerRead = 16;

    private readonly CudaDecoderModel _model;
    private readonly StageSampler _sampler;
    private readonly CudaEvent _stepsDone = CudaEvent.Create();
    private readonly Dictionary<(int Rows, int Start, int Count), CudaGraph> _graphs = [];      // one step and its sampling
    private readonly SortedSet<int> _freeSongs;
    private readonly SortedSet<int> _freeRows;
    private readonly List<Sequence> _open = [];

    /// <summary>Creates a decoder.</summary>
    /// <param name="model">The language model, on the GPU; the caller owns it.</param>
    /// <param name="gpu">The GPU.</param>
    /// <param name="songs">The maximum number of open sequences.</param>
    public CudaStageDecoder(LlamaModel model, Gpu gpu, int songs)
    {
        ContextLength = model.Config.MaxPositions;
        (_freeSongs, _freeRows) = ([.. Enumerable.Range(0, songs)], [.. Enumerable.Range(0, 2 * songs)]);
        try
        {
            _model = new CudaDecoderModel(
                model, gpu, 2 * songs, ContextLength, PositionsFor(model.Config, songs), HeadRows, PromptsOf(model.Config));
            _sampler = new StageSampler(gpu.Device, gpu.Kernels, _model.Decoder, songs);
            Chunks = model.NewCache(1, ContextLength);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public int ContextLength { get; }

    /// <summary>A cache of one row for the chunk that flow matching works on, with room for a whole context.</summary>
    public Llama.KvCache Chunks { get; }

    /// <summary>The number of ids from the first one of a score to the last one of music.</summary>
    private static int HeadRows => StageIds.Music.Scored.End;

    /// <summary>Returns the device memory, in bytes, of a decoder for the given number of songs, without the weights.</summary>
    public static long MemoryBytes(LlamaConfig config, CacheType type, int songs)
    {
        var prompts = PromptsOf(config);
        return CudaDecoderModel.CacheBytes(config, type, 2 * songs, PositionsFor(config, songs), prompts)
            + CudaDecoderModel.DenseBytes(config, type, prompts)       // the cache for chunks
            + (2L * songs * HeadRows * sizeof(float)) + StageSampler.MemoryBytes(songs, HeadRows);
    }

    /// <summary>Returns the kernels that a decoder for the given number of songs needs.</summary>
    public static IEnumerable<KernelBuild> BuildsFor(LlamaConfig config, WeightType weights, CacheType cache, int songs) =>
    [
        .. CudaLlama.BuildsFor(CudaDecoderModel.ShapeOf(config, config.MaxPositions), weights, cache, 2 * songs),
        .. StageSampler.Builds,
    ];

    public IStageSequence? TryOpen(StageOrder order)
    {
        if (order.FaultOf(ContextLength) is { } fault)
        {
            throw new SongRequestException(fault);
        }

        if (_model.FreePages < order.RowLengths.Sum(Cuda.Decode.KvCache.PagesFor))
        {
            return null;
        }

        var sequence = new Sequence(this, order);
        _open.Add(sequence);
        return sequence;
    }

    public void Advance(IReadOnlyList<IStageSequence> sequences)
    {
        // A step advances every running row, so it must compute the scores that each row's stage needs.
        Sequence[] running = [.. _open.Where(sequence => sequence.IsRunning)];
        var start = running.Min(sequence => sequence.Scored.First);
        var step = GraphOf(running.Max(sequence => sequence.LastRow) + 1, start, running.Max(sequence => sequence.Scored.End) - start);
        for (var i = 0; i < StepsPerRead; i++)
        {
            step.Launch(_model.Stream);
        }

        _stepsDone.Record(_model.Stream);
        _stepsDone.Synchronize();
        Array.ForEach(running, sequence => sequence.TakeSampled());
    }

    public void Dispose()
    {
        foreach (var graph in _graphs.Values)
        {
            graph.Dispose();
        }

        _stepsDone.Dispose();

        // A member is null if the constructor threw before setting it.
        Chunks?.Dispose();
        _sampler?.Dispose();
        _model?.Dispose();
    }

    private static PromptBatch PromptsOf(LlamaConfig config) => new(1, config.MaxPositions);

    /// <summary>Returns the number of cache positions for the given number of songs: one context for each, and one more for guidance.
    /// Guidance can also use unreserved positions of the songs' own contexts.</summary>
    private static int PositionsFor(LlamaConfig config, int songs) => (songs + 1) * config.MaxPositions;

    private CudaGraph GraphOf(int rows, int start, int count)
    {
        if (!_graphs.TryGetValue((rows, start, count), out var graph))
        {
            _model.Decoder.Prepare(rows);
            graph = CudaGraph.Capture(_model.Stream, () =>
            {
                _model.Decoder.Step(_model.Stream, rows, start, count);
                _sampler.Sample(_model.Stream, start, count);
            });
            _graphs.Add((rows, start, count), graph);
        }

        return graph;
    }

    private static int Take(SortedSet<int> free)
    {
        var least = free.Min;
        return free.Remove(least) ? least : throw new InvalidOperationException("the decoder has no slot for another stage");
    }

    /// <summary>A stage in the decoder.</summary>
    internal sealed class Sequence : IStageSequence
    {
        private readonly CudaStageDecoder _decoder;
        private readonly StageOrder _order;
        private readonly int _song;
        private readonly int[] _rows;           // the row of the song, then that of guidance
        private readonly int[][] _prompts;      // the prompt of each row
        private readonly int[] _read;           // the number of ids read from each prompt
        private readonly List<int> _tokens = [];
        private int _step;
        private bool _disposed;

        public Sequence(CudaStageDecoder decoder, StageOrder order)
        {
            (_decoder, _order) = (decoder, order);
            _prompts = order.Prompts;
            _read = new int[_prompts.Length];
            _song = Take(decoder._freeSongs);
            _rows = [.. _prompts.Select(_ => Take(decoder._freeRows))];
            try
            {
                foreach (var (row, length) in _rows.Zip(order.RowLengths))
                {
                    decoder._model.Reserve(row, length);
                }

                StartOnceRead();
            }
            catch
            {
                ReleaseSlots();
                throw;
            }
        }

        public int Unread => Enumerable.Range(0, _prompts.Length).Sum(UnreadOf);

        public IReadOnlyList<int> Tokens => _tokens;

        public bool IsComplete { get; private set; }

        public bool IsTruncated => !IsComplete && _step >= _order.Sampling.MaxTokens;

        /// <summary>The ids whose scores a step must compute.</summary>
        public Sampling.IdRange Scored => _order.Ids.Scored;

        /// <summary>The last row of the stage.</summary>
        public int LastRow => _rows.Max();

        /// <summary>True while steps write ids for the stage.</summary>
        public bool IsRunning { get; private set; }

        public void Read()
        {
            if (Unread == 0)
            {
                return;
            }

            var i = UnreadOf(0) > 0 ? 0 : 1;
            var piece = _prompts[i].AsSpan(_read[i], Math.Min(LlamaModel.PrefillChunk, UnreadOf(i)));
            _decoder._model.Prefill(_rows[i], _read[i], piece);
            _read[i] += piece.Length;
            StartOnceRead();
        }

        /// <summary>Reads the ids that the device has sampled since the last call.</summary>
        public void TakeSampled()
        {
            var progress = _decoder._sampler.Progress(_song);
            while (_step < progress.Step)
            {
                var id = _decoder._sampler.IdAt(_song, _step++);
                if (id == StageSampler.NoId)
                {
                    throw new SongException("the model's output is not a number");
                }

                IsComplete = id == _order.Ids.EndId;
                if (!IsComplete)
                {
                    _tokens.Add(id);
                }
            }

            IsRunning = !progress.Stopped;
        }

        /// <summary>Copies the keys and values of the song's own row into the empty first row of a cache.</summary>
        internal void CopyTo(Llama.KvCache other)
        {
            // A step reads the id before the one that it draws, so no step has read the last drawn id.
            _decoder._model.CopyOut(_rows[0], _prompts[0].Length - 1 + _step, other);
        }

        public void Dispose()
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            var model = _decoder._model;
            _decoder._open.Remove(this);
            _decoder._sampler.StopSong(model.Stream, _song);
            Array.ForEach(_rows, row => model.Decoder.StopRow(model.Stream, row));
            model.Stream.Synchronize();
            ReleaseSlots();
        }

        private void ReleaseSlots()
        {
            Array.ForEach(_rows, _decoder._model.Release);
            _decoder._freeRows.UnionWith(_rows);
            _decoder._freeSongs.Add(_song);
        }

        private int UnreadOf(int i) => _prompts[i].Length - 1 - _read[i];

        private void StartOnceRead()
        {
            if (Unread > 0)
            {
                return;
            }

            var model = _decoder._model;
            for (var i = 0; i < _rows.Length; i++)
            {
                model.Decoder.SetRow(model.Stream, _rows[i], _prompts[i][^1], _read[i], active: true);
            }

            var sampling = _order.Sampling;
            _decoder._sampler.SetSong(model.Stream, _song, new StageSettings
            {
                Row = _rows[0],
                GuideRow = _rows.Length > 1 ? _rows[1] : null,
                Guidance = (float)(_order.Guidance?.Scale ?? 1),
                Seed = unchecked((ulong)_order.Seed),
                Content = new Cuda.Decode.IdRange(_order.Ids.Content.First, _order.Ids.Content.End),
                EndId = _order.Ids.EndId,
                Temperature = (float)sampling.Temperature,
                TopK = sampling.TopK,
                TopP = (float)sampling.TopP,
                MinKept = StageChain.MinKept(_order.HasPlan),
                Penalties = sampling.Penalties(),
                MinTokens = sampling.MinTokens,
                MaxTokens = sampling.MaxTokens,
            });
            IsRunning = true;
        }
    }
}
