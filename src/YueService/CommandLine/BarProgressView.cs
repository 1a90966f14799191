using Spectre.Console;

namespace YueService.CommandLine;

/// <summary>A progress bar with the step, percent, and the time left.</summary>
internal sealed class BarProgressView(IAnsiConsole console) : IProgressView
{
    private static readonly TimeSpan DrawInterval = TimeSpan.FromMilliseconds(100);

    public Task FollowAsync(Func<ProgressLine> read, Task work) =>
        work.IsCompleted ? Task.CompletedTask : console.Progress()
            .Columns(
                new TaskDescriptionColumn { Alignment = Justify.Left },
                new ProgressBarColumn(),
                new PercentageColumn(),
                new ElapsedTimeColumn(),
                new RemainingTimeColumn())
            .StartAsync(async context =>
            {
                var bar = context.AddTask(Markup.Escape(read().Step));
                while (!work.IsCompleted)
                {
                    var (step, fraction) = read();
                    bar.Description = Markup.Escape(step);
                    bar.Value = fraction * bar.MaxValue;
                    await Task.WhenAny(work, Task.Delay(DrawInterval));
                }

                if (work.IsCompletedSuccessfully)
                {
                    bar.Value = bar.MaxValue;
                }
            });
}
