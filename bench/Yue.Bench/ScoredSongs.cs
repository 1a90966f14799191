using Yue.Engine.Songs;

namespace Yue.Bench;

/// <summary>Song requests for YuE 2.</summary>
internal static class ScoredSongs
{
    /// <summary>Returns the request for a song of a given length.</summary>
    /// <param name="seconds">The length of the song in seconds.</param>
    /// <param name="seed">The seed of the song.</param>
    /// <param name="scoreLetters">The length of the requested score in characters; with 0, the model writes one. A model with random
    /// weights always writes the maximum of 4,096 tokens.</param>
    /// <param name="sampling">The sampling settings of the family.</param>
    public static SongRequest Of(int seconds, long seed, int scoreLetters, SamplingSettings sampling)
    {
        const string Bar = "CDEF GABc|";
        return new()
        {
            Lyrics = "[Verse]\nla la la\n\n[Chorus]\nla la la\n",
            Genre = "folk, fiddle, warm female voice",
            Plan = ScorePlan.Full,
            Score = scoreLetters == 0 ? null : "X:1\nK:C\n" + string.Concat(Enumerable.Repeat(Bar, scoreLetters / Bar.Length)),
            TargetSeconds = [seconds],
            Seed = seed,
            Sampling = sampling,
        };
    }
}
