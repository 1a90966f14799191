using Spectre.Console;

namespace YueService.CommandLine;

/// <summary>A progress bar with the step, the percentage and the remaining time. For work measured in bytes, it also shows the bytes and
/// the speed; for other work, it also shows the elapsed time.</summary>
internal sealed class BarProgressView(IAnsiConsole console) : IProgressView
{
    private const int TimeWidth = 8;        // 00:00:00
    private const int BytesWidth = 17;      // 1000.0/1000.0 MB
    private const int SpeedWidth = 12;      // 1000.0 MB/s
    private static readonly TimeSpan DrawInterval = TimeSpan.FromMilliseconds(100);

    public Task FollowAsync(Func<ProgressLine> read, Task work)
    {
        if (work.IsCompleted)
        {
            return Task.CompletedTask;
        }

        var line = read();
        var layout = new BarLayout(console.Profile.Width, [(new RemainingTimeColumn(), TimeWidth), .. Details(line)]);
        return console.Progress().Columns(layout.Columns).StartAsync(async context =>
        {
            var bar = context.AddTask(layout.Text(line.Step));
            while (!work.IsCompleted)
            {
                bar.Description = layout.Text(line.Step);
                bar.MaxValue = line.Bytes ?? 1;
                bar.Value = line.Fraction * bar.MaxValue;
                if (line.Notice is { } notice)
                {
                    console.MarkupLineInterpolated($"[yellow]{notice}[/]");
                }

                await Task.WhenAny(work, Task.Delay(DrawInterval));
                line = read();
            }

            if (work.IsCompletedSuccessfully)
            {
                bar.Value = bar.MaxValue;
            }
        });
    }

    private static (ProgressColumn Column, int Width)[] Details(ProgressLine line) => line.Bytes is null
        ? [(new ElapsedTimeColumn(), TimeWidth)]
        : [(new DownloadedColumn(), BytesWidth), (new TransferSpeedColumn(), SpeedWidth)];
}
