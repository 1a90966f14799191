using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;

namespace Yue.Bench;

/// <summary>Compares the time left that a song's progress gives with the time that it then takes.</summary>
internal static class ProgressBench
{
    private const double At = 0.25;         // of a song's time

    private static readonly string[] Words =
        "river light silver morning hold me now and never let the window go under falling stars we were running home again".Split(' ');

    private static readonly string[] Genres =
    [
        "inspiring female uplifting pop airy vocal", "slow sad ballad strings male 70 bpm", "fast punk rock male 160 bpm",
        "folk guitar female", "electronic dance 125 bpm female bright vocal",
    ];

    public static async Task<int> RunAsync(string[] arguments)
    {
        var count = arguments.Length == 0 ? 100 : int.Parse(arguments[0], CultureInfo.InvariantCulture);
        using var engine = new YueEngine(Options.Create(new EngineOptions()), NullLogger<YueEngine>.Instance);
        engine.Start();
        await engine.Loaded;
        List<double> errors = [];
        for (var song = 0; song < count; song++)
        {
            var (seconds, left) = await SingAsync(engine, Song(song));
            errors.Add((left / ((1 - At) * seconds)) - 1);
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"song {song}: {seconds:F1} s, time left at a quarter of it {errors[^1]:+0%;-0%} of the truth"));
        }

        var near = errors.Count(error => Math.Abs(error) <= 0.4);
        Console.WriteLine($"within 40 %: {near} of {count}");
        await engine.DrainAsync(CancellationToken.None);
        return 0;
    }

    /// <summary>Makes a song, and returns the time that it takes and the time left as of a quarter of it.</summary>
    private static async Task<(double Seconds, double Left)> SingAsync(YueEngine engine, SongRequest request)
    {
        var recorder = new Recorder();
        var ticket = new SongTicket(request, recorder, CancellationToken.None);
        while (!engine.TryAdmit(ticket))
        {
            await engine.WhenRoomAsync(CancellationToken.None);
        }

        await ticket.Result;
        var seconds = recorder.Seconds;
        var quarter = recorder.Seen.First(update => update.Seconds >= At * seconds);
        return (seconds, quarter.Seconds * (1 - quarter.Fraction) / Math.Max(quarter.Fraction, 0.001));
    }

    /// <summary>Returns a song of one to four sections of two to six lines.</summary>
    private static SongRequest Song(int number)
    {
        var random = new Random(number);
        string Line() => string.Join(' ', Enumerable.Range(0, random.Next(3, 9)).Select(_ => Words[random.Next(Words.Length)]));
        string Section(int i) =>
            $"[{(i % 2 == 0 ? "verse" : "chorus")}]\n{string.Join('\n', Enumerable.Range(0, random.Next(2, 7)).Select(_ => Line()))}";
        var sections = random.Next(1, 5);
        return new SongRequest
        {
            Lyrics = string.Join("\n\n", Enumerable.Range(0, sections).Select(Section)),
            RunNSegments = sections,
            Genre = Genres[random.Next(Genres.Length)],
            Seed = number,
        };
    }

    /// <summary>The progress of a song with its times.</summary>
    private sealed class Recorder : IProgress<SongProgress>
    {
        private readonly Stopwatch _clock = Stopwatch.StartNew();

        public List<(double Seconds, double Fraction)> Seen { get; } = [];

        public double Seconds => _clock.Elapsed.TotalSeconds;

        public void Report(SongProgress value) => Seen.Add((Seconds, value.Fraction));
    }
}
