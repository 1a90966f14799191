using Yue.Engine.Songs;

namespace Yue.Bench;

/// <summary>Song requests for YuE 2.</summary>
internal static class ScoredSongs
{
    /// <summary>Returns the request for a song of a given length.</summary>
    /// <param name="seconds">Its length in seconds.</param>
    /// <param name="seed">Its seed.</param>
    /// <param name="scoreLetters">The length of the score that it is given; 0 lets the model write one. Random weights write as many tokens
    /// as a score may have, 4,096.</param>
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
