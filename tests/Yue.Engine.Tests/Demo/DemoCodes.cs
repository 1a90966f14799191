using Yue.Engine.Songs;

namespace Yue.Engine.Tests.Demo;

/// <summary>Measures properties of sections from the demo's codes of codebook 0. <c>tools/demo-model/demo/codes.py</c> defines these
/// codes.</summary>
internal static class DemoCodes
{
    private const int FirstPitched = 32;
    private const int FirstHold = 320;
    private const int FirstStrike = 416;
    private const int FirstDrum = 800;
    private const int FirstRelease = 804;
    private const int FirstLow = 900;
    private const int Chords = 96;
    private const int DrumKinds = 4;
    private const int StepsPerBar = 8;

    /// <summary>The durations of an eighth note that the demo supports, in frames.</summary>
    private static readonly int[] StepFrames = [8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 20, 21, 23, 25];

    /// <summary>One bar of each drum pattern: 1 is the kick, 2 the snare, 3 the hi-hat, and 0 no hit.</summary>
    private static readonly int[][] DrumPatterns =
        [[1, 3, 2, 3, 1, 3, 2, 3], [1, 3, 1, 3, 1, 3, 1, 3], [1, 0, 3, 0, 2, 0, 3, 0], [1, 3, 2, 3, 3, 1, 2, 3], [1, 1, 2, 1, 1, 1, 2, 1]];

    /// <summary>Returns the tempo of the drum pattern that best matches a section's drums, in quarter notes per minute.</summary>
    public static double TempoBpm(SectionCodes section)
    {
        var hits = section.Instrumental.Select(Hit).ToArray();
        var best = StepFrames.MaxBy(step => DrumPatterns.Max(pattern => Agreement(hits, pattern, step)));
        return 1500.0 / best;
    }

    /// <summary>Returns the share of a section's frames in which the voice has a pitch.</summary>
    public static double VoicedShare(SectionCodes section) =>
        section.Vocal.Average(code => code is >= FirstPitched and < FirstHold ? 1.0 : 0.0);

    /// <summary>Returns the number of different chords in a section.</summary>
    public static int ChordCount(SectionCodes section) => section.Instrumental.Select(Chord).Where(chord => chord >= 0).Distinct().Count();

    /// <summary>Returns the longest time in a section without a new chord or drum hit, in seconds.</summary>
    public static double LongestHoldSeconds(SectionCodes section)
    {
        var (longest, run) = (0, 0);
        foreach (var code in section.Instrumental)
        {
            run = code is >= FirstStrike and < FirstRelease ? 0 : run + 1;
            longest = Math.Max(longest, run);
        }

        return longest / 50.0;
    }

    /// <summary>Returns the fade time of a section's last chord, in seconds.</summary>
    public static double FadeSeconds(SectionCodes section) => section.Instrumental.Reverse().TakeWhile(IsRelease).Count() / 50.0;

    private static bool IsRelease(int code) => code is >= FirstRelease and < FirstLow + Chords;

    private static int Chord(int code) => code switch
    {
        >= FirstHold and < FirstStrike => code - FirstHold,
        >= FirstStrike and < FirstDrum => (code - FirstStrike) / DrumKinds,
        _ when IsRelease(code) => (code - FirstRelease) % Chords,
        _ => -1,
    };

    private static int Hit(int code) => code switch
    {
        >= FirstStrike and < FirstDrum => (code - FirstStrike) % DrumKinds,
        >= FirstDrum and < FirstRelease => code - FirstDrum,
        _ => 0,
    };

    /// <summary>Returns the agreement of hits with a pattern, from 0 to 1, where 1 means that they are equal.</summary>
    private static double Agreement(int[] hits, int[] pattern, int step)
    {
        var expected = hits.Select((_, frame) => frame % step == 0 ? pattern[frame / step % StepsPerBar] : 0).ToArray();
        var right = hits.Zip(expected).Count(pair => pair.First > 0 && pair.First == pair.Second);
        return 2.0 * right / (hits.Count(hit => hit > 0) + expected.Count(hit => hit > 0));
    }
}
