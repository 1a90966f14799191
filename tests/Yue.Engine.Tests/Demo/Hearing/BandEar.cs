namespace Yue.Engine.Tests.Demo.Hearing;

/// <summary>Measures the tempo, mode and instrument of an instrumental track, [S] at 16 kHz.</summary>
internal static class BandEar
{
    private const int Window = 1024;
    private const int ChordWindow = 8192;
    private const int ChordHop = 4000;
    private const int LowestChordNote = 58;
    private const double SlowestBpm = 70;
    private const double FastestBpm = 155;
    private const double FadesDb = 4;
    private const double BrightDb = -10;

    /// <summary>Returns the tempo in beats per minute: the one for which the autocorrelation of the onsets is highest at multiples of the
    /// beat.</summary>
    public static double TempoBpm(float[] wave)
    {
        const int Candidates = 800;
        const int MaxBeats = 16;
        const double HopsPerMinute = 60.0 * Windows.RateHz / Windows.Hop;
        var correlation = Autocorrelation(Onsets(wave));
        var beats = Math.Clamp((int)(correlation.Length * 0.8 / (HopsPerMinute / SlowestBpm)) - 1, 1, MaxBeats);
        return Enumerable.Range(0, Candidates).Select(i => SlowestBpm * Math.Pow(FastestBpm / SlowestBpm, i / (Candidates - 1.0)))
            .MaxBy(bpm => Enumerable.Range(1, beats).Average(beat => At(correlation, HopsPerMinute / bpm * beat)));
    }

    /// <summary>Returns true if two tempos differ by less than 3 %. A tempo and its double or half count as the same.</summary>
    public static bool IsSameTempo(double a, double b) => new[] { 0.5, 1, 2 }.Any(factor => Math.Abs((a * factor / b) - 1) < 0.03);

    /// <summary>Returns the share of the time in which the best-fitting triad is minor.</summary>
    public static double MinorShare(float[] wave)
    {
        var chroma = Chroma(wave);
        var loud = 0.1 * Statistics.Median(chroma.Select(row => row.Sum()));
        return chroma.Where(row => row.Sum() > loud).Average(row => Triad(row, third: 3) > Triad(row, third: 4) ? 1.0 : 0.0);
    }

    public static Instrument InstrumentOf(float[] wave)
    {
        var spectra = Windows.Spectra(wave, Window);
        var body = spectra.Select(row => Power(row, 250, 800)).ToArray();
        var bodyDb = body.Select(power => 10 * Math.Log10(power)).ToArray();
        var fades = Statistics.Quantile(bodyDb, 0.85) - Statistics.Quantile(bodyDb, 0.20) > FadesDb;
        var isBright = Statistics.Quantile(
            spectra.Zip(body, (row, power) => 10 * Math.Log10(Power(row, 1300, 3000) / power)), 0.30) > BrightDb;
        return (fades, isBright) switch
        {
            (true, false) => Instrument.Piano,
            (true, true) => Instrument.Guitar,
            (false, false) => Instrument.Organ,
            (false, true) => Instrument.Strings,
        };
    }

    /// <summary>Returns the onset strength of each hop relative to the surrounding half second.</summary>
    private static double[] Onsets(float[] wave)
    {
        const int Around = 25;
        var level = Windows.Spectra(wave, Window).Select(row => row.Select(x => Math.Log(x + 1e-3)).ToArray()).ToArray();
        var rise = level.Skip(1).Zip(level, (now, before) => now.Zip(before, (a, b) => Math.Max(a - b, 0)).Sum()).ToArray();
        return [.. rise.Select(
            (value, t) => value - (rise[Math.Max(0, t - Around)..Math.Min(rise.Length, t + Around)].Sum() / (2 * Around)))];
    }

    /// <summary>Returns, for each lag, the mean product of the values that are this lag apart.</summary>
    private static double[] Autocorrelation(double[] x) =>
        [.. Enumerable.Range(0, x.Length).Select(lag => x.Skip(lag).Zip(x, (a, b) => a * b).Sum() / (x.Length - lag))];

    private static double At(double[] values, double index)
    {
        var below = Math.Min((int)index, values.Length - 2);
        return double.Lerp(values[below], values[below + 1], Math.Min(index - below, 1));
    }

    /// <summary>Returns the magnitude of each pitch class in the octave of the chords: [T, 12], one row per quarter of a second.</summary>
    private static double[][] Chroma(float[] wave)
    {
        var spectra = Windows.Spectra(wave, ChordWindow, ChordHop);
        var notes = Enumerable.Range(LowestChordNote, 12).OrderBy(midi => midi % 12).ToArray();
        return [.. spectra.Select(row => notes.Select(midi => Note(row, midi)).ToArray())];
    }

    private static double Note(double[] spectrum, int midi)
    {
        var center = 440 * Math.Pow(2, (midi - 69) / 12.0);
        var width = Math.Max(6.0, center * 0.02);
        var (first, end) = Windows.Bins(ChordWindow, center - width, center + width);
        return spectrum[first..end].Max();
    }

    /// <summary>Returns the sum of the magnitudes of the strongest triad with the given third.</summary>
    /// <param name="third">The number of semitones from the root to the third.</param>
    private static double Triad(double[] chroma, int third) =>
        Enumerable.Range(0, 12).Max(root => chroma[root] + chroma[(root + third) % 12] + chroma[(root + 7) % 12]);

    private static double Power(double[] spectrum, double aboveHz, double belowHz)
    {
        var (first, end) = Windows.Bins(Window, aboveHz, belowHz);
        return spectrum[first..end].Sum(x => x * x) + 1e-9;
    }
}
