using System.Runtime.InteropServices;
using Yue.Engine.Families.Yue1.Tokens;
using Yue.Engine.Llama;
using static TorchSharp.torch;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace Yue.Engine.Families.Yue1.Stage2;

/// <summary>The reference stage-2 decoder: the plain Llama, greedy, one run after another (docs/model.md 2.4).</summary>
/// <remarks>A large model reads its weights once per step, for all chunks of a run. For a small model every core takes chunks of
/// its own.</remarks>
public sealed class TorchStage2Decoder : IStage2Decoder
{
    private const int Codebooks = Stage2Chunks.Codebooks;

    private readonly LlamaModel _model;
    private readonly Stage2Mask _mask;
    private readonly KvCache _cache;
    private readonly int _rows;
    private readonly int _rowsTogether;
    private Run? _run;

    /// <summary>A decoder for runs of up to <paramref name="maxRows"/> chunks.</summary>
    /// <param name="model">The stage-2 model; the caller keeps it.</param>
    /// <param name="maxRows">Rows of the cache.</param>
    /// <param name="mask">Which ids may be written.</param>
    public TorchStage2Decoder(LlamaModel model, int maxRows, Stage2Mask mask)
        : this(model, maxRows, mask, model.StepsOnOneCore ? 1 : maxRows)
    {
    }

    /// <summary>A decoder of which every core takes <paramref name="rowsTogether"/> rows.</summary>
    internal TorchStage2Decoder(LlamaModel model, int maxRows, Stage2Mask mask, int rowsTogether)
    {
        _model = model;
        _mask = mask;
        _rows = maxRows;
        _rowsTogether = rowsTogether;
        _cache = model.NewCache(maxRows, Stage2Chunks.Positions);
    }

    public int FreeRows => _run is null ? _rows : 0;

    public IStage2Run Begin(IReadOnlyList<int[]> chunks)
    {
        Stage2Chunks.Check(chunks, FreeRows);
        return _run = new Run(this, chunks);
    }

    public void Advance() => _run?.Advance();

    public void Dispose() => _cache.Dispose();

    private sealed class Run : IStage2Run
    {
        private readonly TorchStage2Decoder _decoder;
        private readonly int[] _rowOf;          // chunk → row; rows go from the longest chunk to the shortest
        private readonly Lane[] _lanes;
        private int _prefilled;                 // lanes

        public Run(TorchStage2Decoder decoder, IReadOnlyList<int[]> chunks)
        {
            _decoder = decoder;
            var order = Enumerable.Range(0, chunks.Count).OrderByDescending(chunk => chunks[chunk].Length).ToArray();
            _rowOf = new int[chunks.Count];
            for (var row = 0; row < order.Length; row++)
            {
                _rowOf[order[row]] = row;
            }

            int[][] rows = [.. order.Select(chunk => Array.ConvertAll(chunks[chunk], code => TokenMap.ToId(code)))];
            _lanes = [.. rows.Chunk(decoder._rowsTogether).Select((lane, i) => new Lane(decoder, i * decoder._rowsTogether, lane))];
        }

        public int FramesDone => _lanes.Sum(lane => lane.FramesDone);

        public bool IsDone => _lanes.All(lane => lane.IsDone);

        /// <summary>Prefills one lane per step, then writes frames.</summary>
        public void Advance()
        {
            if (_prefilled < _lanes.Length)
            {
                _lanes[_prefilled++].Prefill();
                return;
            }

            var going = Array.FindAll(_lanes, lane => !lane.IsDone);
            CpuWork.Share(going.Length, (from, to) =>
            {
                for (var i = from; i < to; i++)
                {
                    going[i].Advance();
                }
            });
        }

        public int[][] Codes(int chunk)
        {
            var (lane, row) = Math.DivRem(_rowOf[chunk], _decoder._rowsTogether);
            return _lanes[lane].Codes(row);
        }

        public void Dispose()
        {
            foreach (var lane in _lanes)
            {
                lane.Dispose();
            }

            _decoder._run = null;
        }
    }

    /// <summary>Rows that go through the model together, the longest first.</summary>
    private sealed class Lane : IDisposable
    {
        private readonly TorchStage2Decoder _decoder;
        private readonly int _first;            // of the cache's rows
        private readonly int[][] _codebook0;    // row → codebook-0 ids
        private readonly int[][] _ids;          // row → F frames of 8 ids
        private int _frame;
        private Tensor? _hidden;                // [active rows, hidden] after the frame's codebook-0 id; null until prefilled

        public Lane(TorchStage2Decoder decoder, int first, int[][] codebook0)
        {
            (_decoder, _first, _codebook0) = (decoder, first, codebook0);
            _ids = [.. _codebook0.Select(row => new int[row.Length * Codebooks])];
        }

        public int FramesDone { get; private set; }

        public bool IsDone => ActiveRows == 0;

        private int ActiveRows => _codebook0.Count(row => row.Length > _frame);

        /// <summary>Writes the next frame of every row that has one.</summary>
        public void Advance()
        {
            var rows = ActiveRows;
            if (_frame > 0)
            {
                var behind = new int[rows * 2];     // the last codebook of the frame before, and this frame's first
                for (var row = 0; row < rows; row++)
                {
                    behind[row * 2] = _ids[row][(_frame * Codebooks) - 1];
                    behind[(row * 2) + 1] = _codebook0[row][_frame];
                }

                Feed(behind, rows);
            }

            for (var codebook = 0; codebook < Codebooks; codebook++)
            {
                var written = codebook == 0
                    ? Array.ConvertAll(_codebook0[..rows], ids => ids[_frame])
                    : Best(codebook, rows);
                for (var row = 0; row < rows; row++)
                {
                    _ids[row][(_frame * Codebooks) + codebook] = written[row];
                }

                if (codebook is > 0 and < Codebooks - 1)
                {
                    Feed(written, rows);
                }
            }

            _frame++;
            FramesDone += rows;
        }

        public int[][] Codes(int row) => Stage2Chunks.CodesOf(_ids[row]);

        public void Dispose() => _hidden?.Dispose();

        /// <summary>Reads the prompts up to the first frame's codebook-0 id. Rows of equal length go through the model together.</summary>
        public void Prefill()
        {
            using var scope = NewDisposeScope();
            var last = new List<Tensor>();
            for (var row = 0; row < _codebook0.Length;)
            {
                var frames = _codebook0[row].Length;
                var end = row;
                var prompt = new List<int>();
                for (; end < _codebook0.Length && _codebook0[end].Length == frames; end++)
                {
                    prompt.AddRange([TokenMap.StartOfAudio, TokenMap.Stage1, .. _codebook0[end], TokenMap.Stage2, _codebook0[end][0]]);
                    _decoder._cache.Clear(_first + end);
                }

                last.Add(_decoder._model.Step(prompt.ToArray(), _decoder._cache, (_first + row)..(_first + end)));
                row = end;
            }

            _hidden = cat(last).DetachFromDisposeScope();
        }

        private void Feed(int[] ids, int rows)
        {
            _hidden!.Dispose();
            _hidden = _decoder._model.Step(ids, _decoder._cache, _first..(_first + rows));
        }

        /// <summary>The best allowed id of each row; the lowest one on ties.</summary>
        private int[] Best(int codebook, int rows)
        {
            var range = _decoder._mask.RangeOf(codebook);
            using var scope = NewDisposeScope();
            var logits = _decoder._model.Logits(_hidden!.narrow(0, 0, rows), range.First, range.Count).cpu();   // [rows, count]
            var scores = MemoryMarshal.Cast<byte, float>(logits.bytes);
            var best = new int[rows];
            for (var row = 0; row < rows; row++)
            {
                best[row] = range.First + TensorPrimitives.IndexOfMax(scores.Slice(row * range.Count, range.Count));
            }

            return best;
        }
    }
}
