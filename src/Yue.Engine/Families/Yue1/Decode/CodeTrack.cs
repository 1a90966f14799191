using static TorchSharp.torch;

namespace Yue.Engine.Families.Yue1.Decode;

/// <summary>The codes of one track, which grows while the song is being written.</summary>
public sealed class CodeTrack
{
    private List<int>[] _rows = [];

    /// <summary>The number of frames so far.</summary>
    public int Frames => _rows.Length == 0 ? 0 : _rows[0].Count;

    /// <summary>True if no more frames will be added.</summary>
    public bool IsComplete { get; private set; }

    /// <summary>Adds frames.</summary>
    /// <param name="codes">[Q][n]: row k holds the codes of codebook k. Q is the same in every call.</param>
    public void Append(int[][] codes)
    {
        if (IsComplete)
        {
            throw new InvalidOperationException("the track is complete");
        }

        if (_rows.Length == 0)
        {
            _rows = [.. codes.Select(_ => new List<int>())];
        }

        if (codes.Length != _rows.Length || codes.Any(row => row.Length != codes[0].Length))
        {
            var lengths = string.Join(", ", codes.Select(row => row.Length));
            throw new ArgumentException($"the rows have {lengths} codes, expected {_rows.Length} rows of the same length", nameof(codes));
        }

        foreach (var (row, added) in _rows.Zip(codes))
        {
            row.AddRange(added);
        }
    }

    /// <summary>Ends the track.</summary>
    public void Complete() => IsComplete = true;

    /// <summary>Returns the codes of a window.</summary>
    /// <returns>[Q, <paramref name="to"/> − <paramref name="from"/>], int64, on the CPU; the caller disposes it.</returns>
    public Tensor Window(int from, int to)
    {
        var flat = new long[_rows.Length * (to - from)];
        for (var row = 0; row < _rows.Length; row++)
        {
            for (var frame = from; frame < to; frame++)
            {
                flat[(row * (to - from)) + frame - from] = _rows[row][frame];
            }
        }

        return tensor(flat, [_rows.Length, to - from]);
    }
}
