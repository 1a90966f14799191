namespace Yue.Engine.Tests.Demo.Hearing;

/// <summary>The pitch of a solo voice, one value per hop of 10 ms.</summary>
/// <param name="Hertz">[T]; 0 for hops without a voice.</param>
/// <param name="LevelDb">[T], relative to the loud parts of the track.</param>
internal sealed record PitchTrack(double[] Hertz, double[] LevelDb)
{
    /// <summary>The boundary between the ranges of the male and the female voice.</summary>
    public const double FemaleHz = 220;

    private const int Window = 640;
    private const int ShortestLag = Windows.RateHz / 600;
    private const int LongestLag = Windows.RateHz / 80;
    private const double Threshold = 0.12;
    private const double Voiced = 0.25;
    private const double QuietDb = -35;

    /// <summary>The minimum level of a loud part, relative to full scale, so that a silent track has no voice.</summary>
    private const double MinLoudDb = -45;

    public bool IsFemale => Sung.Any() && Statistics.Median(Sung) > FemaleHz;

    private IEnumerable<double> Sung => Hertz.Where(hertz => hertz > 0);

    /// <summary>Finds the pitch with YIN (de Cheveigné and Kawahara 2002), from 80 to 600 Hz.</summary>
    /// <param name="wave">[S] at 16 kHz.</param>
    public static PitchTrack Of(float[] wave)
    {
        var pieces = Windows.Of(wave, Window);
        var level = pieces.Select(piece => 10 * Math.Log10(piece.Average(x => x * x) + 1e-12)).ToArray();
        var loud = Math.Max(Statistics.Quantile(level, 0.95), MinLoudDb);
        var below = level.Select(db => db - loud).ToArray();
        return new PitchTrack([.. pieces.Zip(below, (piece, db) => db > QuietDb ? PitchOf(piece) : 0)], below);
    }

    /// <summary>Returns the share of the voiced hops within 50 cents of a note of the scale.</summary>
    /// <param name="scale">Pitch classes, semitones above C.</param>
    public double InKey(IReadOnlyCollection<int> scale) =>
        Sung.Select(hertz => scale.Contains((int)Math.Round(69 + (12 * Math.Log2(hertz / 440))) % 12) ? 1.0 : 0.0)
            .DefaultIfEmpty().Average();

    /// <summary>Returns the pitch of a piece in Hz; 0 if it has none.</summary>
    private static double PitchOf(double[] piece)
    {
        var d = NormalizedDifference(piece);
        var lag = Array.FindIndex(d, ShortestLag, LongestLag - ShortestLag, value => value < Threshold);
        lag = lag >= 0 ? lag : Array.IndexOf(d, d[ShortestLag..LongestLag].Min(), ShortestLag);
        while (lag + 1 < LongestLag && d[lag + 1] < d[lag])
        {
            lag++;
        }

        var curvature = d[lag - 1] - (2 * d[lag]) + d[lag + 1];
        return d[lag] < Voiced ? Windows.RateHz / (lag + (0.5 * (d[lag - 1] - d[lag + 1]) / Math.Max(curvature, 1e-9))) : 0;
    }

    /// <summary>Returns YIN's cumulative mean normalized difference by lag.</summary>
    private static double[] NormalizedDifference(double[] piece)
    {
        var d = new double[LongestLag + 2];
        d[0] = 1;
        var sum = 0.0;
        for (var lag = 1; lag < d.Length; lag++)
        {
            var difference = 0.0;
            for (var i = 0; i < piece.Length - d.Length; i++)
            {
                var apart = piece[i] - piece[i + lag];
                difference += apart * apart;
            }

            sum += difference;
            d[lag] = difference / Math.Max(sum / lag, 1e-12);
        }

        return d;
    }
}
