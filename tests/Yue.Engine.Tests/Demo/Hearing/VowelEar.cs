using System.Numerics;

namespace Yue.Engine.Tests.Demo.Hearing;

/// <summary>Detects the vowels of a voice by comparing the levels of its harmonics with formant patterns.</summary>
internal static class VowelEar
{
    private const int Window = 512;
    private const double HighestHz = 3800;
    private const double QuietDb = -18;
    private const int MinHops = 4;
    private const double MaxApartDb = 15;
    private const char Silence = ' ';

    private static readonly double[] Hann = Windows.Hann(Window);

    /// <summary>Returns the detected vowels in order, one letter per syllable.</summary>
    /// <param name="wave">[S] at 16 kHz: the voice alone.</param>
    public static string Sung(float[] wave, PitchTrack pitch)
    {
        var pieces = Windows.Of(wave, Window);
        var found = Enumerable.Range(0, pieces.Length)
            .Select(t => pitch.Hertz[t] > 0 && pitch.LevelDb[t] > QuietDb ? Phoneme(pieces[t], pitch.Hertz[t]) : Silence).ToArray();
        var heard = new List<(char Vowel, int End)>();
        foreach (var (symbol, start, end) in Runs(Smoothed(found)))
        {
            if (!Formants.Vowels.Contains(symbol) || end - start < MinHops)
            {
                continue;
            }

            // Two pieces of the same vowel with at most one hop between them count as one.
            if (heard.Count > 0 && heard[^1].Vowel == symbol && start - heard[^1].End <= 1)
            {
                heard.RemoveAt(heard.Count - 1);
            }

            heard.Add((symbol, end));
        }

        return string.Concat(heard.Select(run => run.Vowel));
    }

    /// <summary>Returns the phoneme with the best-fitting formants.</summary>
    private static char Phoneme(double[] piece, double pitchHz)
    {
        var hertz = Enumerable.Range(1, (int)(HighestHz / pitchHz)).Select(k => k * pitchHz).ToArray();
        var heard = hertz.Select(f => LevelDb(piece, f)).ToArray();
        var weight = hertz.Select(f => 1 / (1 + Math.Pow(f / 2500, 2))).ToArray();
        return Formants.Symbols.MinBy(symbol =>
        {
            var apart = hertz.Zip(heard, (f, db) => db - Formants.LevelDb(symbol, f, pitchHz)).ToArray();
            var gain = weight.Zip(apart, (w, db) => w * db).Sum() / weight.Sum();
            return weight.Zip(apart, (w, db) => w * Math.Min(Math.Abs(db - gain), MaxApartDb)).Sum();
        });
    }

    /// <summary>Returns the level of one partial of a piece.</summary>
    private static double LevelDb(double[] piece, double hertz)
    {
        var (turn, phase, sum) = (Complex.FromPolarCoordinates(1, -2 * Math.PI * hertz / Windows.RateHz), Complex.One, Complex.Zero);
        for (var i = 0; i < piece.Length; i++, phase *= turn)
        {
            sum += phase * (piece[i] * Hann[i]);
        }

        return 20 * Math.Log10(sum.Magnitude + 1e-6);
    }

    /// <summary>Gives each voiced hop the symbol of its two neighbors if they have the same symbol.</summary>
    private static char[] Smoothed(char[] found) =>
    [
        .. found.Select((symbol, t) =>
            t > 0 && t + 1 < found.Length && symbol != Silence && found[t - 1] == found[t + 1] ? found[t - 1] : symbol),
    ];

    private static IEnumerable<(char Symbol, int Start, int End)> Runs(char[] symbols)
    {
        for (int start = 0, t = 1; t <= symbols.Length; t++)
        {
            if (t == symbols.Length || symbols[t] != symbols[start])
            {
                yield return (symbols[start], start, t);
                start = t;
            }
        }
    }
}
