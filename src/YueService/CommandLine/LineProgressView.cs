using System.Diagnostics;
using System.Globalization;
using YueService.Jobs;

namespace YueService.CommandLine;

/// <summary>A line for every new step and every tenth of the whole, for logs and pipes.</summary>
internal sealed class LineProgressView(TextWriter writer) : IProgressView
{
    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(50);

    public async Task FollowAsync(Func<ProgressLine> read, Task work)
    {
        var clock = Stopwatch.StartNew();
        var (lastStep, lastTenth) = ("", -1);
        while (!work.IsCompleted)
        {
            var (step, fraction) = read();
            var tenth = (int)(fraction * 10);
            if (step != lastStep || tenth != lastTenth)
            {
                (lastStep, lastTenth) = (step, tenth);
                await writer.WriteLineAsync(Line(step, fraction, clock.Elapsed));
            }

            await Task.WhenAny(work, Task.Delay(LookInterval));
        }
    }

    private static string Line(string step, double fraction, TimeSpan elapsed)
    {
        var left = JobEstimate.SecondsLeft(fraction, elapsed) is { } seconds ? string.Create(CultureInfo.InvariantCulture, $", about {seconds:F0} s left") : "";
        return string.Create(CultureInfo.InvariantCulture, $"{fraction * 100,3:F0} % {step}{left}");
    }
}
