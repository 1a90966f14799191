namespace Yue.Engine.Tests.Demo.Hearing;

/// <summary>Synthetic sound with known properties, at 16 kHz.</summary>
internal static class Synthetic
{
    private const double HighestHz = 6000;
    private const double Rms = 0.1;

    /// <summary>Returns a phoneme sung at one pitch, with ends faded over 10 ms.</summary>
    public static float[] Voice(char symbol, double pitchHz, double seconds)
    {
        var partials = Enumerable.Range(1, (int)(HighestHz / pitchHz)).Select(k => k * pitchHz)
            .Select(hertz => (hertz, Math.Pow(10, Formants.LevelDb(symbol, hertz, pitchHz) / 20)));
        var wave = Partials(partials, seconds);
        for (var i = 0; i < Windows.Hop; i++)
        {
            wave[i] *= (float)i / Windows.Hop;
            wave[^(i + 1)] *= (float)i / Windows.Hop;
        }

        return wave;
    }

    /// <summary>Returns notes that begin and fade together.</summary>
    /// <param name="midi">The notes, as MIDI numbers.</param>
    /// <param name="timbre">The amplitudes of a note's harmonics.</param>
    /// <param name="decaySeconds">The time in which the amplitude falls to 1/e.</param>
    public static float[] Chord(IEnumerable<int> midi, double[] timbre, double decaySeconds, double seconds)
    {
        var wave = Partials(midi.SelectMany(note => timbre.Select((amplitude, k) => ((k + 1) * HertzOf(note), amplitude))), seconds);
        return [.. wave.Select((sample, i) => sample * (float)Math.Exp(-i / (decaySeconds * Windows.RateHz)))];
    }

    /// <summary>Returns one short burst of noise per beat.</summary>
    public static float[] Clicks(double bpm, double seconds)
    {
        var noise = Noise(0.02);
        var wave = Silence(seconds);
        for (var beat = 0; beat * 60 / bpm < seconds - 0.02; beat++)
        {
            noise.CopyTo(wave, (int)(beat * 60 / bpm * Windows.RateHz));
        }

        return wave;
    }

    public static float[] Noise(double seconds)
    {
        var random = new Random(1);
        return [.. Silence(seconds).Select(_ => (random.NextSingle() - 0.5f) / 2)];
    }

    public static float[] Silence(double seconds) => new float[(int)(seconds * Windows.RateHz)];

    public static double HertzOf(int midi) => 440 * Math.Pow(2, (midi - 69) / 12.0);

    private static float[] Partials(IEnumerable<(double Hertz, double Amplitude)> partials, double seconds)
    {
        var wave = new double[(int)(seconds * Windows.RateHz)];
        foreach (var (hertz, amplitude) in partials)
        {
            for (var i = 0; i < wave.Length; i++)
            {
                wave[i] += amplitude * Math.Cos(2 * Math.PI * hertz * i / Windows.RateHz);
            }
        }

        var gain = Rms / Math.Sqrt(wave.Average(x => x * x));
        return [.. wave.Select(x => (float)(gain * x))];
    }
}
