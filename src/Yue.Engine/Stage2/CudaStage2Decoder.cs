using Yue.Cuda;
using Yue.Cuda.Compilation;
using Yue.Cuda.Decode;
using Yue.Engine.Llama;
using Yue.Engine.Tokens;

namespace Yue.Engine.Stage2;

/// <summary>The stage-2 decoder of a GPU: a captured frame of eight steps, greedy within each slot's codebook, replayed.</summary>
internal sealed class CudaStage2Decoder : IStage2Decoder
{
    /// <summary>Frames launched between two looks: about 100 ms of the 1B model.</summary>
    private const int FramesPerLook = 4;

    private readonly CudaDecoderModel _model;
    private readonly FrameDecoder _frames;
    private readonly Dictionary<int, CudaGraph> _graphs = [];       // rows → one frame
    private bool _isRunning;

    /// <summary>A decoder for runs of up to <paramref name="maxRows"/> chunks.</summary>
    /// <param name="model">The stage-2 model, in BF16 on the device; the caller keeps it.</param>
    /// <param name="device">The device that the model is on.</param>
    /// <param name="kernels">Compiled kernels.</param>
    /// <param name="maxRows">Rows of a run.</param>
    public CudaStage2Decoder(LlamaModel model, CudaDevice device, KernelCache kernels, int maxRows)
    {
        MaxRows = maxRows;
        _model = new CudaDecoderModel(
            model, device, kernels, maxRows, Stage2Chunks.Positions, maxRows * Stage2Chunks.Positions, TokenMap.CodebookSize);
        _frames = new FrameDecoder(device, kernels, _model.Decoder, TokenMap.XCodecBase, Stage2Chunks.FramesPerChunk);
    }

    public int MaxRows { get; }

    public IStage2Run? TryBegin(IReadOnlyList<int[]> chunks)
    {
        if (_isRunning)
        {
            return null;
        }

        Stage2Chunks.Check(chunks, MaxRows);
        _isRunning = true;
        return new Run(this, chunks);
    }

    public void Dispose()
    {
        foreach (var graph in _graphs.Values)
        {
            graph.Dispose();
        }

        _frames.Dispose();
        _model.Dispose();
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
        private readonly int[] _frames;         // chunk → its frames; chunk i is row i
        private readonly CudaGraph _frame;
        private int _launched;

        public Run(CudaStage2Decoder decoder, IReadOnlyList<int[]> chunks)
        {
            _decoder = decoder;
            _frames = [.. chunks.Select(chunk => chunk.Length)];
            for (var row = 0; row < chunks.Count; row++)
            {
                var given = Array.ConvertAll(chunks[row], code => TokenMap.ToId(code));
                int[] prompt = [TokenMap.StartOfAudio, TokenMap.Stage1, .. given, TokenMap.Stage2];
                _decoder._model.Reserve(row, Stage2Chunks.Positions);
                _decoder._model.Prefill(row, 0, prompt);
                _decoder._frames.SetRow(_decoder._model.Stream, row, prompt.Length, given);
            }

            _frame = _decoder.GraphOf(chunks.Count);
        }

        public int FramesDone => _frames.Sum(frames => Math.Min(frames, _launched));

        public bool Advance()
        {
            var count = Math.Min(FramesPerLook, _frames.Max() - _launched);
            for (var i = 0; i < count; i++)
            {
                _frame.Launch(_decoder._model.Stream);
            }

            _decoder._model.Stream.Synchronize();
            _launched += count;
            return _launched < _frames.Max();
        }

        public int[][] Codes(int chunk)
        {
            var ids = _decoder._frames.Ids(_decoder._model.Stream, chunk, _frames[chunk]);
            return Stage2Chunks.CodesOf(ids);
        }

        public void Dispose()
        {
            var model = _decoder._model;
            model.Stream.Synchronize();
            for (var row = 0; row < _frames.Length; row++)
            {
                model.Decoder.StopRow(model.Stream, row);
                model.Release(row);
            }

            model.Stream.Synchronize();
            _decoder._isRunning = false;
        }
    }
}
