using System.Diagnostics;
using Yue.Engine.Songs;

namespace Yue.Bench;

/// <summary>Measures the time that a song spends in each stage, from its progress.</summary>
internal sealed class StageWatch(Stopwatch clock) : IProgress<SongProgress>
{
    private readonly List<(SongStage Stage, double Start)> _starts = [];

    public void Report(SongProgress value)
    {
        if (_starts is [] || _starts[^1].Stage != value.Stage)
        {
            _starts.Add((value.Stage, clock.Elapsed.TotalSeconds));
        }
    }

    /// <summary>Returns the number of seconds spent in each stage so far.</summary>
    public IReadOnlyList<(string Stage, double Seconds)> Seconds()
    {
        var ends = _starts.Skip(1).Select(next => next.Start).Append(clock.Elapsed.TotalSeconds);
        return [.. _starts.Zip(ends, (begun, end) => (begun.Stage.ToString(), end - begun.Start))];
    }
}
