using System.Diagnostics;
using System.Globalization;
using Spectre.Console;
using YueService.CommandLine;

namespace YueService.Downloads;

/// <summary>Shows how far a file is while it comes.</summary>
internal interface IDownloadView
{
    /// <summary>Shows the file until the work ends, then ends as the work does.</summary>
    Task FollowAsync(FileProgress progress, Task work);
}

/// <summary>Picks the view that a stream can show.</summary>
internal static class DownloadViews
{
    /// <summary>Bars on a terminal, plain lines elsewhere.</summary>
    public static IDownloadView For(TextWriter writer)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(writer) });
        return console.Profile.Out.IsTerminal ? new DownloadBars(console) : new DownloadLines(writer);
    }
}

/// <summary>A bar with bytes, speed and the time left.</summary>
internal sealed class DownloadBars(IAnsiConsole console) : IDownloadView
{
    private const int TimeWidth = 8;        // 00:00:00
    private const int BytesWidth = 17;      // 1000.0/1000.0 MB
    private const int SpeedWidth = 12;      // 1000.0 MB/s
    private static readonly TimeSpan DrawInterval = TimeSpan.FromMilliseconds(200);

    public async Task FollowAsync(FileProgress progress, Task work)
    {
        var layout = new BarLayout(
            console.Profile.Width,
            (new RemainingTimeColumn(), TimeWidth),
            (new DownloadedColumn(), BytesWidth),
            (new TransferSpeedColumn(), SpeedWidth));
        await console.Progress()
            .Columns(layout.Columns)
            .StartAsync(async context =>
            {
                var bar = context.AddTask(layout.Text(Path.GetFileName(progress.Name)));
                while (!work.IsCompleted)
                {
                    Draw(bar, progress);
                    if (progress.TakeWaiting() is { } reason)
                    {
                        console.MarkupLineInterpolated($"[yellow]{reason}[/]");
                    }

                    await Task.WhenAny(work, Task.Delay(DrawInterval));
                }

                Draw(bar, progress);
            });
        await work;
    }

    private static void Draw(ProgressTask bar, FileProgress progress)
    {
        bar.MaxValue = Math.Max(1, progress.Total);
        bar.Value = progress.Done;
    }
}

/// <summary>A line at every tenth of a file and every half minute, for logs and pipes.</summary>
internal sealed class DownloadLines(TextWriter writer) : IDownloadView
{
    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestSilence = TimeSpan.FromSeconds(30);

    public async Task FollowAsync(FileProgress progress, Task work)
    {
        var start = Stopwatch.GetTimestamp();
        var (spoke, tenth, had) = (start, 0L, progress.Done);
        while (!work.IsCompleted)
        {
            await Task.WhenAny(work, Task.Delay(LookInterval));
            if (progress.TakeWaiting() is { } reason)
            {
                await writer.WriteLineAsync(reason);
            }

            var now = progress.Total > 0 ? progress.Done * 10 / progress.Total : 0;
            if (!work.IsCompleted && (now > tenth || Stopwatch.GetElapsedTime(spoke) > LongestSilence))
            {
                (spoke, tenth) = (Stopwatch.GetTimestamp(), now);
                await writer.WriteLineAsync(Line(progress, progress.Done - had, Stopwatch.GetElapsedTime(start)));
            }
        }

        await work;
        await writer.WriteLineAsync($"{progress.Name}: {ByteText.Of(progress.Done)}, checked");
    }

    private static string Line(FileProgress progress, long came, TimeSpan elapsed)
    {
        var perSecond = came / Math.Max(elapsed.TotalSeconds, 0.001);
        var left = perSecond > 0 ? $", about {Math.Max(0, progress.Total - progress.Done) / perSecond:F0} s left" : "";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{progress.Name}: {ByteText.Of(progress.Done)} of {ByteText.Of(progress.Total)}, {ByteText.Of((long)perSecond)}/s{left}");
    }
}
