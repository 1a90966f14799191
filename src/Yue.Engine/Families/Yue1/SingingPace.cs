using System.Globalization;
using System.Text.RegularExpressions;

namespace Yue.Engine.Families.Yue1;

/// <summary>The pace at which a model sings lyrics: the time per syllable, and the additional time per line and per section.</summary>
public sealed partial record SingingPace
{
    private const double SecondsPerMinute = 60;

    /// <summary>The pace for the published checkpoints. It is a rough, unmeasured estimate based on popular songs: a syllable takes one
    /// third of a second, a line ends with a pause of one second, and a section without words has about eight bars.</summary>
    private static readonly SingingPace Popular = new()
    {
        SyllableSeconds = 1 / 3.0,
        LineBeats = 2,
        EndSeconds = 0,
        WordlessBeats = 32,
        UsualTempo = 120,
    };

    /// <summary>The measured pace of the demo model (docs/performance.md, Progress and lengths of sections). A line is rounded up to a
    /// whole number of bars; <see cref="LineBeats"/> includes the added beats.</summary>
    private static readonly SingingPace Demo = new()
    {
        SyllableSeconds = 0.45,
        LineBeats = 3.5,
        EndSeconds = 1.1,
        WordlessBeats = 8,
        UsualTempo = 110,
    };

    /// <summary>The time per syllable in seconds, which hardly depends on the tempo, because slow songs use shorter note values.</summary>
    public required double SyllableSeconds { get; init; }

    /// <summary>The number of beats that a line takes in addition to the time of its syllables.</summary>
    public required double LineBeats { get; init; }

    /// <summary>The time, in seconds, that the end of a section takes.</summary>
    public required double EndSeconds { get; init; }

    /// <summary>The number of beats in a section without words.</summary>
    public required double WordlessBeats { get; init; }

    /// <summary>The tempo, in beats per minute, if the genre line names none.</summary>
    public required double UsualTempo { get; init; }

    /// <summary>Returns the pace of the demo model or of the published checkpoints.</summary>
    public static SingingPace Of(bool isDemo) => isDemo ? Demo : Popular;

    /// <summary>Returns the tempo of a song in beats per minute: the number from 40 to 240 that its genre line names, or the
    /// default.</summary>
    public double TempoOf(string genre) =>
        Tempo().Match(genre) is { Success: true } match
            && double.Parse(match.Groups["bpm"].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture) is >= 40 and <= 240 and var bpm
            ? bpm
            : UsualTempo;

    /// <summary>Returns the time in seconds that the given number of beats takes.</summary>
    public static double SecondsOf(double beats, double tempo) => beats * SecondsPerMinute / tempo;

    [GeneratedRegex(@"\b(?<bpm>[0-9]{2,3})\s*bpm\b|\b(?:tempo|bpm)\W{1,3}(?<bpm>[0-9]{2,3})\b", RegexOptions.IgnoreCase)]
    private static partial Regex Tempo();
}
