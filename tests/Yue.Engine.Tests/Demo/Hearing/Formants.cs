namespace Yue.Engine.Tests.Demo.Hearing;

/// <summary>The formants of the voiced phonemes, from the table that the demo's voice uses (tools/demo-model/demo/formants.py).</summary>
internal static class Formants
{
    public const string Vowels = "aeiou";
    public const string Symbols = Vowels + "mnlrwy";

    private const double FemaleScale = 1.15;

    private static readonly double[] BandwidthsHz = [80, 100, 140, 220, 300];

    /// <summary>F1 to F5 by symbol. F4 and F5 are the same for all symbols.</summary>
    private static readonly Dictionary<char, double[]> CentersHz = new()
    {
        ['a'] = [780, 1250, 2600, 3600, 4600],
        ['e'] = [500, 1850, 2600, 3600, 4600],
        ['i'] = [300, 2300, 3000, 3600, 4600],
        ['o'] = [480, 850, 2500, 3600, 4600],
        ['u'] = [320, 1100, 2250, 3600, 4600],
        ['m'] = [250, 1000, 2200, 3600, 4600],
        ['n'] = [250, 1500, 2500, 3600, 4600],
        ['l'] = [350, 1250, 2700, 3600, 4600],
        ['r'] = [420, 1300, 1600, 3600, 4600],
        ['w'] = [310, 750, 2250, 3600, 4600],
        ['y'] = [280, 2350, 3100, 3600, 4600],
    };

    /// <summary>Returns the level of a partial of a phoneme sung at a pitch, up to a constant.</summary>
    public static double LevelDb(char symbol, double hertz, double pitchHz)
    {
        var scale = pitchHz > PitchTrack.FemaleHz ? FemaleScale : 1;
        var level = -20 * Math.Log10(hertz);
        foreach (var (center, bandwidth) in CentersHz[symbol].Select(center => scale * center).Zip(BandwidthsHz))
        {
            var (ratio, width) = (hertz / center, hertz * bandwidth / (center * center));
            level -= 10 * Math.Log10(Math.Pow(1 - (ratio * ratio), 2) + (width * width));
        }

        return level;
    }
}
