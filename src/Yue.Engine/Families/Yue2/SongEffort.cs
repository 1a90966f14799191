using Yue.Engine.Families.Yue2.Flow;
using Yue.Engine.Songs;

namespace Yue.Engine.Families.Yue2;

/// <summary>Estimates the finished fraction of a song's work.</summary>
/// <remarks>The unit of work is the time to write one token. The constants need only be approximately right.</remarks>
/// <param name="onGpu">True if the song is made on a GPU.</param>
/// <param name="flowSteps">The number of steps of flow matching.</param>
/// <param name="scoreTokens">The expected number of tokens in the score; 0 if none is written.</param>
/// <param name="musicTokens">The expected number of tokens in the music; 0 if there is none.</param>
internal sealed class SongEffort(bool onGpu, int flowSteps, double scoreTokens, double musicTokens)
{
    /// <summary>The expected number of tokens in a score.</summary>
    private const double LikelyScore = 1500;

    /// <summary>The expected number of music tokens in a whole song, which lasts about three minutes.</summary>
    private const double LikelyMusic = 4500;

    private readonly double _flow = (onGpu ? 0.019 : 0.5) * flowSteps;      // per frame
    private readonly double _decode = onGpu ? 0.1 : 4;
    private double _done;

    /// <summary>The expected work of the whole song.</summary>
    public double LikelyWork => scoreTokens + (musicTokens * (1 + _flow + _decode));

    /// <summary>Creates the estimator for a request.</summary>
    /// <param name="request">The request.</param>
    /// <param name="script">Its stages.</param>
    /// <param name="onGpu">True if the song is made on a GPU.</param>
    public static SongEffort Of(SongRequest request, SongScript script, bool onGpu) => new(
        onGpu,
        request.Sampling.FlowSteps ?? FlowSolver.DefaultSteps,
        script.WritesScore ? LikelyScore : 0,
        request.Scope == SongScope.Score ? 0
            : request.TargetSeconds is [var seconds, ..] ? seconds * SongScript.FramesPerSecond : LikelyMusic);

    /// <summary>Returns the finished fraction of the work, which never decreases.</summary>
    /// <param name="score">The number of written tokens of the score.</param>
    /// <param name="isScoreDone">True if the score is complete.</param>
    /// <param name="music">The number of written tokens of the music.</param>
    /// <param name="isMusicDone">True if the music is complete.</param>
    /// <param name="flowShare">The finished fraction of flow matching.</param>
    /// <param name="decodeShare">The decoded fraction of the sound.</param>
    public double Fraction(int score, bool isScoreDone, int music, bool isMusicDone, double flowShare, double decodeShare)
    {
        var scores = isScoreDone ? score : Math.Max(scoreTokens, score);
        var frames = isMusicDone ? music : Math.Max(musicTokens, music);
        var all = scores + (frames * (1 + _flow + _decode));
        var done = score + music + (frames * ((_flow * flowShare) + (_decode * decodeShare)));
        return _done = Math.Clamp(all <= 0 ? 1 : done / all, _done, 1);
    }
}
