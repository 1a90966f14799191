using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Yue.Engine.Families.Yue1;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;

namespace Yue.Bench;

/// <summary>Compares the time left that a song's progress gives with the time that it then takes, and the expected lengths of its
/// sections with those that they then have.</summary>
internal static class ProgressBench
{
    private const double At = 0.25;         // of a song's time

    public static async Task<int> RunAsync(string[] arguments)
    {
        var count = arguments.Length == 0 ? 100 : int.Parse(arguments[0], CultureInfo.InvariantCulture);
        using var engine = new YueEngine(Options.Create(new EngineOptions()), NullLogger<YueEngine>.Instance);
        engine.Start();
        await engine.Loaded;
        List<double> times = [], sections = [], songs = [];
        for (var number = 0; number < count; number++)
        {
            var request = BenchLyrics.Song(number);
            var (song, seconds, left) = await SingAsync(engine, request);
            times.Add(left / ((1 - At) * seconds));
            var expected = SongPlan.For(request).ExpectedSeconds(request, SingingPace.Of(isDemo: true)).Select(one => one!.Value).ToList();
            sections.AddRange(song.Sections.Select((section, i) => expected[i] / section.DurationSeconds));
            songs.Add(expected.Sum() / song.Sections.Sum(section => section.DurationSeconds));
            var lengths = string.Join(", ", song.Sections.Select((section, i) => string.Create(
                CultureInfo.InvariantCulture, $"{section.DurationSeconds:F1} s ({expected[i]:F1} expected)")));
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"song {number}: sections of {lengths}, in {seconds:F1} s (stages {song.Timings.Stage1Seconds:F1}, {song.Timings.Stage2Seconds:F1}, "
                    + $"{song.Timings.DecodeSeconds:F1}); time left at a quarter of it {times[^1] - 1:+0%;-0%} of the truth"));
        }

        Console.WriteLine($"time left: {Describe(times)}");
        Console.WriteLine($"lengths of songs: {Describe(songs)}");
        Console.WriteLine($"lengths of sections: {Describe(sections)}");
        await engine.DrainAsync(CancellationToken.None);
        return 0;
    }

    private static string Describe(List<double> ratios) => string.Create(
        CultureInfo.InvariantCulture,
        $"{ratios.Count}, within 25 %: {ratios.Count(ratio => Math.Abs(ratio - 1) <= 0.25)}, "
            + $"within 40 %: {ratios.Count(ratio => Math.Abs(ratio - 1) <= 0.4)}, "
            + $"median of estimate by truth {ratios.Order().ElementAt(ratios.Count / 2):F2}");

    /// <summary>Makes a song, and returns it with the time that it takes and the time left as of a quarter of it.</summary>
    private static async Task<(SongResult Song, double Seconds, double Left)> SingAsync(YueEngine engine, SongRequest request)
    {
        var recorder = new Recorder();
        var ticket = new SongTicket(request, recorder, CancellationToken.None);
        while (!engine.TryAdmit(ticket))
        {
            await engine.WhenRoomAsync(CancellationToken.None);
        }

        var song = await ticket.Result;
        var seconds = recorder.Seconds;
        var quarter = recorder.Seen.First(update => update.Seconds >= At * seconds);
        return (song, seconds, quarter.Seconds * (1 - quarter.Fraction) / Math.Max(quarter.Fraction, 0.001));
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
