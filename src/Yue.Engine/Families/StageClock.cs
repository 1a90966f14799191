using System.Diagnostics;
using Yue.Engine.Songs;

namespace Yue.Engine.Families;

/// <summary>Measures the times of a song's stages, starting at its admission.</summary>
/// <param name="waited">The time that the song waited before its admission.</param>
internal sealed class StageClock(TimeSpan waited)
{
    private readonly long _started = Stopwatch.GetTimestamp();
    private TimeSpan _stage1;
    private TimeSpan _stage2;
    private int _stage1Tokens;

    /// <summary>Ends stage 1.</summary>
    /// <param name="tokens">The number of tokens that it sampled.</param>
    public void EndStage1(int tokens) => (_stage1Tokens, _stage1) = (tokens, Stopwatch.GetElapsedTime(_started));

    /// <summary>Ends stage 2.</summary>
    public void EndStage2() => _stage2 = Stopwatch.GetElapsedTime(_started) - _stage1;

    /// <summary>Returns the times of a song that has just ended.</summary>
    public SongTimings Timings(double audioSeconds)
    {
        var total = Stopwatch.GetElapsedTime(_started);
        return new SongTimings
        {
            QueueSeconds = waited.TotalSeconds,
            Stage1Seconds = _stage1.TotalSeconds,
            Stage2Seconds = _stage2.TotalSeconds,
            DecodeSeconds = (total - _stage1 - _stage2).TotalSeconds,
            TotalSeconds = (waited + total).TotalSeconds,
            TokensPerSecond = _stage1Tokens == 0 ? 0 : _stage1Tokens / _stage1.TotalSeconds,
            RealTimeFactor = (waited + total).TotalSeconds / audioSeconds,
        };
    }
}
