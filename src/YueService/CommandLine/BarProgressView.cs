using Spectre.Console;

namespace YueService.CommandLine;

/// <summary>A progress bar with the step, the percentage and the time left.</summary>
internal sealed class BarProgressView(IAnsiConsole console) : IProgressView
{
    private const int TimeWidth = 8;        // 00:00:00
    private static readonly TimeSpan DrawInterval = TimeSpan.FromMilliseconds(100);

    public Task FollowAsync(Func<ProgressLine> read, Task work)
    {
        if (work.IsCompleted)
        {
            return Task.CompletedTask;
        }

        var layout = new BarLayout(console.Profile.Width, (new RemainingTimeColumn(), TimeWidth), (new ElapsedTimeColumn(), TimeWidth));
        return console.Progress().Columns(layout.Columns).StartAsync(async context =>
        {
            var bar = context.AddTask(layout.Text(read().Step));
            while (!work.IsCompleted)
            {
                var (step, fraction) = read();
                bar.Description = layout.Text(step);
                bar.Value = fraction * bar.MaxValue;
                await Task.WhenAny(work, Task.Delay(DrawInterval));
            }

            if (work.IsCompletedSuccessfully)
            {
                bar.Value = bar.MaxValue;
            }
        });
    }
}
