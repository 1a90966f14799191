using Yue.Cuda;
using Yue.Cuda.Compilation;
using Yue.Cuda.Decode;
using Yue.Engine.Families.Yue1.Tokens;
using Yue.Engine.Llama;
using Yue.Engine.Residency;

namespace Yue.Engine.Families.Yue1.Stage2;

/// <summary>The stage-2 decoder on a GPU. It replays a captured frame of eight steps. Each residual code is chosen greedily from
/// its own codebook.</summary>
/// <remarks>The chunks of all songs share a frame. A row's codes do not depend on the other rows.</remarks>
internal sealed class CudaStage2Decoder : IStage2Decoder
{
    /// <summary>The number of frames that are launched before the host checks the runs. They take about 100 ms with the 1B model.</summary>
    private const int FramesPerRead = 4;

    /// <summary>The number of prompts per prefill: eight take no longer than one.</summary>
    private static readonly PromptBatch Prompts = new(8, Stage2Chunks.PromptPositions);

    /// <summary>The ids that a step can choose: the residual codebooks.</summary>
    public static readonly IdRange ScoredIds = new(TokenMap.CodebookStart(1), TokenMap.CodebookStart(Stage2Chunks.Codebooks));

    private readonly CudaDecoderModel _model;
    private readonly FrameDecoder _frames;
    private readonly Dictionary<int, CudaGraph> _graphs = [];       // rows → one frame
    private readonly SortedSet<int> _freeRows;
    private readonly List<Run> _runs = [];

    /// <summary>Creates a decoder for up to <paramref name="rows"/> chunks at once.</summary>
    /// <param name="model">The stage-2 model, on the GPU; the caller owns it.</param>
    /// <param name="gpu">The GPU.</param>
    /// <param name="rows">The number of rows per step.</param>
    public CudaStage2Decoder(LlamaModel model, Gpu gpu, int rows)
    {
        _freeRows = [.. Enumerable.Range(0, rows)];
        try
        {
            _model = new CudaDecoderModel(
                model, gpu, rows, Stage2Chunks.Positions, rows * Stage2Chunks.Positions, TokenMap.CodebookSize, Prompts);
            _frames = new FrameDecoder(gpu.Device, gpu.Kernels, _model.Decoder, TokenMap.XCodecBase, Stage2Chunks.FramesPerChunk);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Returns the device memory, in bytes, of a decoder with the given number of rows, without the weights.</summary>
    public static long CacheBytes(LlamaConfig config, CacheType type, int rows) =>
        CudaDecoderModel.CacheBytes(config, type, rows, (long)rows * Stage2Chunks.Positions, Prompts);

    /// <summary>Returns the kernels that a decoder with the given number of rows compiles.</summary>
    public static IEnumerable<KernelBuild> BuildsFor(LlamaConfig config, WeightType weights, CacheType cache, int rows) =>
        CudaLlama.BuildsFor(CudaDecoderModel.ShapeOf(config, Stage2Chunks.Positions), weights, cache, rows);

    public int FreeRows => _freeRows.Count;

    public int QuickRows => int.MaxValue;

    /// <summary>The number of finished frames of each row up to the last one in use; 0 for rows without a chunk.</summary>
    public IReadOnlyList<int> ActiveRows
    {
        get
        {
            var frames = new int[_runs.Max(run => run.IsDone ? null : (int?)run.LastRow + 1) ?? 0];
            foreach (var (row, done) in _runs.Where(run => !run.IsDone).SelectMany(run => run.Rows))
            {
                frames[row] = done;
            }

            return frames;
        }
    }

    public IStage2Run Begin(IReadOnlyList<int[]> chunks)
    {
        Stage2Chunks.Check(chunks, FreeRows);
        var run = new Run(this, chunks, [.. _freeRows.Take(chunks.Count)]);
        try
        {
            run.Prefill();
            return run;
        }
        catch
        {
            run.Dispose();
            throw;
        }
    }

    public int Advance()
    {
        var left = _runs.Max(run => (int?)run.FramesLeft) ?? 0;
        if (left == 0)
        {
            return 0;
        }

        var frame = GraphOf(_runs.Max(run => run.LastRow) + 1);
        var count = Math.Min(FramesPerRead, left);
        for (var i = 0; i < count; i++)
        {
            frame.Launch(_model.Stream);
        }

        _model.Stream.Synchronize();
        foreach (var run in _runs)
        {
            run.Launched += count;
        }

        return count;
    }

    public void Dispose()
    {
        foreach (var graph in _graphs.Values)
        {
            graph.Dispose();
        }

        // A member is null if the constructor threw before setting it.
        _frames?.Dispose();
        _model?.Dispose();
    }

    private CudaGraph GraphOf(int rows)
    {
        if (!_graphs.TryGetValue(rows, out var graph))
        {
            _model.Decoder.Prepare(rows);
            graph = CudaGraph.Capture(_model.Stream, () => _frames.Frame(_model.Stream, rows));
            _graphs.Add(rows, graph);
        }

        return graph;
    }

    private sealed class Run : IStage2Run
    {
        private readonly CudaStage2Decoder _decoder;
        private readonly IReadOnlyList<int[]> _chunks;
        private readonly int[] _rows;           // chunk → its row
        private bool _disposed;

        public Run(CudaStage2Decoder decoder, IReadOnlyList<int[]> chunks, int[] rows)
        {
            (_decoder, _chunks, _rows) = (decoder, chunks, rows);
            decoder._freeRows.ExceptWith(rows);
            decoder._runs.Add(this);
        }

        /// <summary>The number of frames launched since the run began, including those after a chunk's last frame.</summary>
        public int Launched { get; set; }

        public int FramesLeft => Math.Max(_chunks.Max(chunk => chunk.Length) - Launched, 0);

        public int LastRow => _rows.Max();

        /// <summary>The row of each chunk, and its number of finished frames.</summary>
        public IEnumerable<(int Row, int Frames)> Rows => _rows.Select((row, chunk) => (row, FramesDoneOf(chunk)));

        public int FramesDone => Enumerable.Range(0, _chunks.Count).Sum(FramesDoneOf);

        public bool IsDone => FramesLeft == 0;

        /// <summary>Prefills every chunk's prompt.</summary>
        public void Prefill()
        {
            var model = _decoder._model;
            var prompts = new List<(int Row, int[] Ids)>();
            foreach (var (row, chunk) in _rows.Zip(_chunks))
            {
                prompts.Add((row, [TokenMap.StartOfAudio, TokenMap.Stage1, .. IdsOf(chunk), TokenMap.Stage2]));
                model.Reserve(row, prompts[^1].Ids.Length + (chunk.Length * Stage2Chunks.Codebooks));
            }

            model.Prefill(prompts);
            foreach (var (prompt, chunk) in prompts.Zip(_chunks))
            {
                _decoder._frames.SetRow(model.Stream, prompt.Row, prompt.Ids.Length, IdsOf(chunk));
            }
        }

        public int FramesDoneOf(int chunk) => Math.Min(_chunks[chunk].Length, Launched);

        public int[][] Codes(int chunk, Range frames)
        {
            var (first, count) = frames.GetOffsetAndLength(FramesDoneOf(chunk));
            var ids = _decoder._frames.Ids(_decoder._model.Stream, _rows[chunk], first + count);
            return Stage2Chunks.CodesOf(ids[(first * Stage2Chunks.Codebooks)..]);
        }

        public void Dispose()
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            var model = _decoder._model;
            foreach (var row in _rows)
            {
                model.Decoder.StopRow(model.Stream, row);
            }

            model.Stream.Synchronize();
            Array.ForEach(_rows, model.Release);
            _decoder._runs.Remove(this);
            _decoder._freeRows.UnionWith(_rows);
        }

        private static int[] IdsOf(int[] chunk) => Array.ConvertAll(chunk, code => TokenMap.ToId(code));
    }
}
