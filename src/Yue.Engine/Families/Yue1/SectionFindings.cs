using System.Globalization;
using Yue.Engine.Songs;

namespace Yue.Engine.Families.Yue1;

/// <summary>Checks the codes of a sung section: whether it ended on its own, and whether its sound is stuck.</summary>
internal static class SectionFindings
{
    /// <summary>The window length in frames. A section is stuck in a window if both tracks together have at most
    /// <see cref="MaxStuckCodes"/> different codes.</summary>
    public const int WindowFrames = 10 * FramesPerSecond;

    /// <summary>The maximum number of different codes in a stuck window. Of 54 measured sections of the demo model, the 49 good ones have
    /// 25 or more different codes in every window, and the 5 that sustain a single chord have at most 4. For any model, ten seconds of
    /// silence or of a single note on both tracks is not music.</summary>
    public const int MaxStuckCodes = 10;

    private const int FramesPerSecond = 50;

    /// <summary>Returns a warning for each problem with a section.</summary>
    /// <param name="number">The section's number in the song, from 1.</param>
    /// <param name="section">The sung section.</param>
    /// <param name="targetSeconds">The requested length; null if there is none.</param>
    public static IEnumerable<string> Of(int number, SectionCodes section, double? targetSeconds)
    {
        var name = $"section {number} [{section.Tag}]";
        if (section.Ended == SectionEnd.MaxNewTokens)
        {
            var (limit, field) = targetSeconds is null ? ("limit", "max_new_tokens") : ("target", "target_seconds");
            yield return $"{name} did not end on its own and was cut at its {limit} of {Seconds(section.Frames)} s ({field}); "
                + $"raise {field}, or expect an abrupt end";
        }

        if (StuckFrames(section) is { } stuck)
        {
            yield return $"{name} holds the same sound from {Seconds(stuck.Start)} s to {Seconds(stuck.End)} s; "
                + "try another seed, or another genre line";
        }
    }

    /// <summary>Returns the frames from the start of the first stuck window to the end of the last one; null if no window is
    /// stuck.</summary>
    private static (int Start, int End)? StuckFrames(SectionCodes section)
    {
        Dictionary<int, int> counts = [];           // code in the window (complemented if it is instrumental) → its count
        (int Start, int End)? stuck = null;
        for (var frame = 0; frame < section.Frames; frame++)
        {
            Add(section.Vocal[frame]);
            Add(~section.Instrumental[frame]);
            var start = frame + 1 - WindowFrames;
            if (start > 0)
            {
                Remove(section.Vocal[start - 1]);
                Remove(~section.Instrumental[start - 1]);
            }

            if (start >= 0 && counts.Count <= MaxStuckCodes)
            {
                stuck = (stuck?.Start ?? start, frame + 1);
            }
        }

        return stuck;

        void Add(int code) => counts[code] = counts.GetValueOrDefault(code) + 1;

        void Remove(int code)
        {
            if (--counts[code] == 0)
            {
                counts.Remove(code);
            }
        }
    }

    private static string Seconds(int frames) => (frames / (double)FramesPerSecond).ToString("0.#", CultureInfo.InvariantCulture);
}
