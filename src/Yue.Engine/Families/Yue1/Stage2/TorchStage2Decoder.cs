using System.Runtime.InteropServices;
using Yue.Engine.Families.Yue1.Tokens;
using Yue.Engine.Llama;
using static TorchSharp.torch;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace Yue.Engine.Families.Yue1.Stage2;

/// <summary>The reference stage-2 decoder: the plain Llama, greedy (docs/model.md 2.4).</summary>
/// <remarks>A large model reads its weights once per step, for all chunks of a run. For a small model, each core works on its own chunks. A
/// chunk's codes do not depend on the other chunks.</remarks>
public sealed class TorchStage2Decoder : IStage2Decoder
{
    private const int Codebooks = Stage2Chunks.Codebooks;

    /// <summary>The number of frames per step of a small model, in all lanes together. They take about 20 ms on two cores. Cores wait for
    /// each other after each step.</summary>
    private const int FramesPerStep = 32;

    private readonly LlamaModel _model;
    private readonly Stage2Mask _mask;
    private readonly KvCache _cache;
    private readonly bool[] _taken;             // row → true if a run uses it
    private readonly int _rowsTogether;
    private readonly List<Run> _runs = [];

    /// <summary>Creates a decoder for up to <paramref name="maxRows"/> chunks.</summary>
    /// <param name="model">The stage-2 model; the caller owns it.</param>
    /// <param name="maxRows">The number of rows in the cache.</param>
    /// <param name="mask">The allowed ids.</param>
    public TorchStage2Decoder(LlamaModel model, int maxRows, Stage2Mask mask)
        : this(model, maxRows, mask, model.StepsOnOneCore ? 1 : maxRows)
    {
    }

    /// <summary>Creates a decoder that processes <paramref name="rowsTogether"/> rows of a run together.</summary>
    internal TorchStage2Decoder(LlamaModel model, int maxRows, Stage2Mask mask, int rowsTogether)
    {
        _model = model;
        _mask = mask;
        _taken = new bool[maxRows];
        _rowsTogether = rowsTogether;
        _cache = model.NewCache(maxRows, Stage2Chunks.Positions);
    }

    /// <summary>The length of the longest range of free rows.</summary>
    public int FreeRows => LongestFreeRange().Count;

    /// <summary>The limit for a small model is two rows, one for each track of a song, or one row per core if that is more. A large
    /// model has no limit.</summary>
    public int QuickRows => _rowsTogether > 1 ? int.MaxValue : Math.Max(2, CpuWork.Cores);

    public IReadOnlyList<int> ActiveRows => [.. UnfinishedLanes.SelectMany(lane => lane.FramesOfActiveRows)];

    private IEnumerable<Lane> UnfinishedLanes => _runs.SelectMany(run => run.Lanes).Where(lane => !lane.IsDone);

    public IStage2Run Begin(IReadOnlyList<int[]> chunks)
    {
        var (first, count) = LongestFreeRange();
        Stage2Chunks.Check(chunks, count);
        return new Run(this, first, chunks);
    }

    /// <summary>Prefills the next row if any row is not prefilled yet. Otherwise writes the next frame of every chunk, or the next few
    /// frames if a small model has few chunks.</summary>
    public int Advance()
    {
        if (_runs.SelectMany(run => run.Lanes).FirstOrDefault(lane => !lane.IsPrefilled) is { } lane)
        {
            lane.PrefillNext();
            return 0;
        }

        Lane[] lanes = [.. UnfinishedLanes];
        var frames = _rowsTogether > 1 ? 1 : Math.Max(1, FramesPerStep / Math.Max(lanes.Length, 1));
        CpuWork.Share(lanes.Length, (from, to) =>
        {
            for (var i = from; i < to; i++)
            {
                for (var frame = 0; frame < frames && !lanes[i].IsDone; frame++)
                {
                    lanes[i].Advance();
                }
            }
        });
        return lanes.Length == 0 ? 0 : frames;
    }

    public void Dispose() => _cache.Dispose();

    private (int First, int Count) LongestFreeRange()
    {
        var (best, first) = ((First: 0, Count: 0), 0);
        for (var row = 0; row <= _taken.Length; row++)
        {
            if (row == _taken.Length || _taken[row])
            {
                best = row - first > best.Count ? (first, row - first) : best;
                first = row + 1;
            }
        }

        return best;
    }

    private sealed class Run : IStage2Run
    {
        private readonly TorchStage2Decoder _decoder;
        private readonly int _first;            // the run's first row in the decoder
        private readonly int[] _rowOf;          // chunk → row of the run; rows are ordered from the longest chunk to the shortest
        private bool _disposed;

        public Run(TorchStage2Decoder decoder, int first, IReadOnlyList<int[]> chunks)
        {
            (_decoder, _first) = (decoder, first);
            var order = Enumerable.Range(0, chunks.Count).OrderByDescending(chunk => chunks[chunk].Length).ToArray();
            _rowOf = new int[chunks.Count];
            for (var row = 0; row < order.Length; row++)
            {
                _rowOf[order[row]] = row;
            }

            int[][] rows = [.. order.Select(chunk => Array.ConvertAll(chunks[chunk], code => TokenMap.ToId(code)))];
            Lanes =
            [
                .. rows.Chunk(decoder._rowsTogether).Select((lane, i) => new Lane(decoder, first + (i * decoder._rowsTogether), lane)),
            ];
            decoder._taken.AsSpan(first, chunks.Count).Fill(true);
            decoder._runs.Add(this);
        }

        public IReadOnlyList<Lane> Lanes { get; }

        public int FramesDone => Lanes.Sum(lane => lane.FramesDone);

        public bool IsDone => Lanes.All(lane => lane.IsDone);

        public int FramesDoneOf(int chunk)
        {
            var (lane, row) = Math.DivRem(_rowOf[chunk], _decoder._rowsTogether);
            return Lanes[lane].FramesDoneOf(row);
        }

        public int[][] Codes(int chunk, Range frames)
        {
            var (lane, row) = Math.DivRem(_rowOf[chunk], _decoder._rowsTogether);
            return Lanes[lane].Codes(row, frames);
        }

        public void Dispose()
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            foreach (var lane in Lanes)
            {
                lane.Dispose();
            }

            _decoder._taken.AsSpan(_first, _rowOf.Length).Clear();
            _decoder._runs.Remove(this);
        }
    }

    /// <summary>Rows that are processed together, longest first.</summary>
    private sealed class Lane : IDisposable
    {
        private readonly TorchStage2Decoder _decoder;
        private readonly int _first;            // the lane's first row in the cache
        private readonly int[][] _codebook0;    // row → codebook-0 ids
        private readonly int[][] _ids;          // row → F frames of 8 ids
        private readonly List<Tensor> _prefilled = [];      // [1, hidden] of each row prefilled so far
        private int _frame;
        private Tensor? _hidden;                // [rows, hidden] after the last id that was fed; null until prefilled

        public Lane(TorchStage2Decoder decoder, int first, int[][] codebook0)
        {
            (_decoder, _first, _codebook0) = (decoder, first, codebook0);
            _ids = [.. _codebook0.Select(row => new int[row.Length * Codebooks])];
        }

        public int FramesDone { get; private set; }

        public bool IsPrefilled => _hidden is not null;

        public bool IsDone => ActiveRows == 0;

        /// <summary>The number of finished frames of each active row.</summary>
        public IEnumerable<int> FramesOfActiveRows => Enumerable.Repeat(_frame, ActiveRows);

        public int ActiveRows => _codebook0.Count(row => row.Length > _frame);

        /// <summary>Writes the next frame of every row that has one.</summary>
        public void Advance()
        {
            var rows = ActiveRows;
            if (_frame > 0)
            {
                var fed = new int[rows * 2];        // the previous frame's last id, and this frame's first
                for (var row = 0; row < rows; row++)
                {
                    fed[row * 2] = _ids[row][(_frame * Codebooks) - 1];
                    fed[(row * 2) + 1] = _codebook0[row][_frame];
                }

                Feed(fed, rows);
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

        public int FramesDoneOf(int row) => Math.Min(_frame, _codebook0[row].Length);

        public int[][] Codes(int row, Range frames)
        {
            var (first, count) = frames.GetOffsetAndLength(FramesDoneOf(row));
            return Stage2Chunks.CodesOf(new ArraySegment<int>(_ids[row], first * Codebooks, count * Codebooks));
        }

        public void Dispose()
        {
            _prefilled.ForEach(hidden => hidden.Dispose());
            _prefilled.Clear();
            _hidden?.Dispose();
        }

        /// <summary>Reads the next row's prompt, up to and including the first frame's codebook-0 id. Each row is processed alone, because
        /// the bits of a matrix product can depend on the number of its rows.</summary>
        public void PrefillNext()
        {
            var row = _prefilled.Count;
            int[] ids = _codebook0[row];
            int[] prompt = [TokenMap.StartOfAudio, TokenMap.Stage1, .. ids, TokenMap.Stage2, ids[0]];
            _decoder._cache.Clear(_first + row);
            _prefilled.Add(_decoder._model.Step(prompt, _decoder._cache, (_first + row)..(_first + row + 1)));
            if (_prefilled.Count == _codebook0.Length)
            {
                _hidden = cat(_prefilled);
                _prefilled.ForEach(hidden => hidden.Dispose());
                _prefilled.Clear();
            }
        }

        private void Feed(int[] ids, int rows)
        {
            _hidden!.Dispose();
            _hidden = _decoder._model.Step(ids, _decoder._cache, _first..(_first + rows));
        }

        /// <summary>Returns the best allowed id of each row; if there is a tie, the lowest one.</summary>
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
