using Yue.Engine.Songs;

namespace Yue.Bench;

/// <summary>Song requests with short lyrics of different lengths, and genre lines with and without a tempo.</summary>
internal static class BenchLyrics
{
    private static readonly string[] Words =
        "river light silver morning hold me now and never let the window go under falling stars we were running home again".Split(' ');

    private static readonly string[] Genres =
    [
        "inspiring female uplifting pop airy vocal", "slow sad ballad strings male 70 bpm", "fast punk rock male 160 bpm",
        "folk guitar female", "electronic dance 125 bpm female bright vocal", "jazz piano male vocal", "gospel organ 96 bpm female",
        "metal guitar male aggressive", "reggae organ 80 bpm male", "lo-fi hip hop piano",
    ];

    /// <summary>Returns a song of one or two sections, each of one to three lines.</summary>
    /// <param name="number">The number of the song, which is its seed.</param>
    public static SongRequest Song(int number)
    {
        var random = new Random(number);
        string Line() => string.Join(' ', Enumerable.Range(0, random.Next(3, 9)).Select(_ => Words[random.Next(Words.Length)]));
        string Section(int i) =>
            $"[{(i % 2 == 0 ? "verse" : "chorus")}]\n{string.Join('\n', Enumerable.Range(0, random.Next(1, 4)).Select(_ => Line()))}";
        var sections = random.Next(1, 3);
        return new SongRequest
        {
            Lyrics = string.Join("\n\n", Enumerable.Range(0, sections).Select(Section)),
            RunNSegments = sections,
            Genre = Genres[number % Genres.Length],
            Seed = number,
        };
    }
}
