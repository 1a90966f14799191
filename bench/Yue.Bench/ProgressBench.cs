using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Yue.Engine.Families.Yue1;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;

namespace Yue.Bench;

/// <summary>Compares the remaining time that is estimated from a song's progress with the actual one, and the expected lengths of its
/// sections with the actual ones.</summary>
internal static class ProgressBench
{
    private const double At = 0.25;         // the share of a song's time after which the estimate is compared

    public static async Task<int> RunAsync(string[] arguments)
    {
        int[] numbers = [.. arguments.Select(text => int.Parse(text, CultureInfo.InvariantCulture))];
        var (count, first) = (numbers is [var songCount, ..] ? songCount : 100, numbers is [_, var firstNumber] ? firstNumber : 0);
        using var engine = new YueEngine(Options.Create(new EngineOptions()), NullLogger<YueEngine>.Instance);
        engine.Start();
        await engine.Loaded;
        List<double> times = [], processorTimes = [], sections = [], songs = [];
        for (var number = first; number < first + count; number++)
        {
            var request = BenchLyrics.Song(number);
            var (song, seen) = await SingAsync(engine, request);
            var seconds = seen[^1].Seconds;
            times.Add(Ratio(seen, update => update.Seconds));
            processorTimes.Add(Ratio(seen, update => update.ProcessorSeconds));
            var expected = SongPlan.For(request).ExpectedSeconds(request, SingingPace.Of(isDemo: true)).Select(one => one!.Value).ToList();
            sections.AddRange(song.Sections.Select((section, i) => expected[i] / section.DurationSeconds));
            songs.Add(expected.Sum() / song.Sections.Sum(section => section.DurationSeconds));
            var lengths = string.Join(", ", song.Sections.Select((section, i) => string.Create(
                CultureInfo.InvariantCulture, $"{section.DurationSeconds:F1} s ({expected[i]:F1} expected)")));
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"song {number}: sections of {lengths}, in {seconds:F1} s (stages {song.Timings.Stage1Seconds:F1}, "
                    + $"{song.Timings.Stage2Seconds:F1}, {song.Timings.DecodeSeconds:F1}); "
                    + $"the estimate after a quarter of this time was off by {times[^1] - 1:+0%;-0%} in time "
                    + $"and {processorTimes[^1] - 1:+0%;-0%} in CPU time"));
        }

        Console.WriteLine($"remaining time: {Describe(times)}");
        Console.WriteLine($"remaining CPU time, which hardly depends on other programs: {Describe(processorTimes)}");
        Console.WriteLine($"lengths of songs: {Describe(songs)}");
        Console.WriteLine($"lengths of sections: {Describe(sections)}");
        await engine.DrainAsync(CancellationToken.None);
        return 0;
    }

    private static string Describe(List<double> ratios) => string.Create(
        CultureInfo.InvariantCulture,
        $"{ratios.Count} estimates, within 25 %: {ratios.Count(ratio => Math.Abs(ratio - 1) <= 0.25)}, "
            + $"within 40 %: {ratios.Count(ratio => Math.Abs(ratio - 1) <= 0.4)}, "
            + $"median of the estimate divided by the actual value: {ratios.Order().ElementAt(ratios.Count / 2):F2}");

    /// <summary>Returns the remaining time estimated after a quarter of a song's time, divided by the actual remaining time.</summary>
    /// <param name="seen">The progress of the song.</param>
    /// <param name="time">Returns the time from the beginning of the song to an update.</param>
    private static double Ratio(List<Update> seen, Func<Update, double> time)
    {
        var whole = time(seen[^1]);
        var quarter = seen.First(update => time(update) >= At * whole);
        return time(quarter) * (1 - quarter.Fraction) / Math.Max(quarter.Fraction, 0.001) / (whole - time(quarter));
    }

    /// <summary>Makes a song and returns it with its progress. The last update marks the end of the song.</summary>
    private static async Task<(SongResult Song, List<Update> Seen)> SingAsync(YueEngine engine, SongRequest request)
    {
        var recorder = new Recorder();
        var ticket = new SongTicket(request, recorder, CancellationToken.None);
        while (!engine.TryAdmit(ticket))
        {
            await engine.WhenRoomAsync(CancellationToken.None);
        }

        var song = await ticket.Result;
        recorder.Add(1);
        return (song, recorder.Seen);
    }

    /// <summary>Records the progress of a song with the time of each update.</summary>
    private sealed class Recorder : IProgress<SongProgress>
    {
        private readonly Stopwatch _clock = Stopwatch.StartNew();
        private readonly TimeSpan _processorStart = Environment.CpuUsage.TotalTime;

        public List<Update> Seen { get; } = [];

        public void Report(SongProgress value) => Add(value.Fraction);

        public void Add(double fraction) =>
            Seen.Add(new(_clock.Elapsed.TotalSeconds, (Environment.CpuUsage.TotalTime - _processorStart).TotalSeconds, fraction));
    }

    /// <summary>A progress report.</summary>
    /// <param name="Seconds">The time since the song began.</param>
    /// <param name="ProcessorSeconds">The CPU time since then.</param>
    /// <param name="Fraction">The share of the work that is done.</param>
    private sealed record Update(double Seconds, double ProcessorSeconds, double Fraction);
}
