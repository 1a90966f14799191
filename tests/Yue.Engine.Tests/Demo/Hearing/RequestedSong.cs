using Yue.Engine.Songs;

namespace Yue.Engine.Tests.Demo.Hearing;

/// <summary>A section of lyrics.</summary>
/// <param name="Vowels">The vowels that the demo sings for the words, one letter per syllable.</param>
public sealed record RequestedSection(string Tag, string Words, string Vowels);

/// <summary>The request for a song: lyrics, and a genre line that specifies everything that can be measured.</summary>
public sealed record RequestedSong
{
    private static readonly string[] Notes = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"];
    private static readonly int[] MajorScale = [0, 2, 4, 5, 7, 9, 11];
    private static readonly int[] MinorScale = [0, 2, 3, 5, 7, 8, 10];

    public required string Tonic { get; init; }

    public required bool IsMinor { get; init; }

    public required Instrument Instrument { get; init; }

    /// <summary>The tempo in quarter notes per minute. The demo supports 1500 / n, where n is the number of frames of an eighth
    /// note.</summary>
    public required int TempoBpm { get; init; }

    public required string Style { get; init; }

    public required bool IsFemale { get; init; }

    public required IReadOnlyList<RequestedSection> Sections { get; init; }

    public required long Seed { get; init; }

    /// <summary>The notes of the key as pitch classes, in semitones above C.</summary>
    public IReadOnlyCollection<int> Scale =>
        [.. (IsMinor ? MinorScale : MajorScale).Select(step => (Array.IndexOf(Notes, Tonic) + step) % 12)];

    public string Vowels => string.Concat(Sections.Select(section => section.Vowels));

    public SongRequest Request => new()
    {
        Genre = $"in {Tonic} {(IsMinor ? "minor" : "major")} {Instrument.ToString().ToLowerInvariant()} "
            + $"{TempoBpm} bpm {Style} {(IsFemale ? "female" : "male")}",
        Lyrics = string.Concat(Sections.Select(section => $"[{section.Tag}]\n{section.Words}\n\n")),
        MaxNewTokens = 1500,
        RunNSegments = 0,
        Seed = Seed,
        Output = new OutputSettings { SampleRate = OutputSettings.CodecSampleRateHz, Stems = true },
    };
}
