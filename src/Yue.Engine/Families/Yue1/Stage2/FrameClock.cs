using System.Diagnostics;

namespace Yue.Engine.Families.Yue1.Stage2;

/// <summary>Measures the time that a frame of a song's chunks takes in stage 2, with all that the engine does between its steps.</summary>
internal sealed class FrameClock
{
    /// <summary>The share of the newest step in the average.</summary>
    private const double Newest = 0.2;

    /// <summary>A guess before the first measurement: a song that is written at half of its speed.</summary>
    private const double FirstGuess = 0.04;

    private long _last = Stopwatch.GetTimestamp();
    private int _framesDone;

    /// <summary>The average time, the newest steps counting most.</summary>
    public double SecondsPerFrame { get; private set; } = FirstGuess;

    /// <summary>Counts a step.</summary>
    /// <param name="framesDone">The finished frames of all chunks.</param>
    /// <param name="rows">The number of chunks at work.</param>
    public void Tick(int framesDone, int rows)
    {
        var (now, frames) = (Stopwatch.GetTimestamp(), framesDone - _framesDone);
        if (frames > 0 && rows > 0)
        {
            SecondsPerFrame += Newest * ((Stopwatch.GetElapsedTime(_last, now).TotalSeconds * rows / frames) - SecondsPerFrame);
        }

        (_last, _framesDone) = (now, framesDone);
    }
}
