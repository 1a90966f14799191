using System.Diagnostics;
using System.Globalization;
using YueService.Downloads;
using YueService.Jobs;

namespace YueService.CommandLine;

/// <summary>Shows progress in logs and pipes: writes a line for every new step, for every tenth of the work, and after half a minute
/// without a line.</summary>
internal sealed class LineProgressView(TextWriter writer) : IProgressView
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestSilence = TimeSpan.FromSeconds(30);

    public async Task FollowAsync(Func<ProgressLine> read, Task work)
    {
        var start = Stopwatch.GetTimestamp();
        var (written, lastStep, lastTenth) = (start, "", -1);
        double? first = null;
        while (!work.IsCompleted)
        {
            var line = read();
            first ??= line.Bytes is null ? 0 : line.Fraction;
            if (line.Notice is { } notice)
            {
                await writer.WriteLineAsync(notice);
            }

            var tenth = (int)(line.Fraction * 10);
            if (line.Step != lastStep || tenth != lastTenth || Stopwatch.GetElapsedTime(written) > LongestSilence)
            {
                (written, lastStep, lastTenth) = (Stopwatch.GetTimestamp(), line.Step, tenth);
                await writer.WriteLineAsync(Text(line, first.Value, Stopwatch.GetElapsedTime(start)));
            }

            await Task.WhenAny(work, Task.Delay(PollInterval));
        }
    }

    /// <summary>Returns the line to write.</summary>
    /// <param name="line">The progress.</param>
    /// <param name="first">The fraction of the bytes that an earlier process downloaded; 0 for other work. It is excluded from the speed
    /// and the remaining time.</param>
    /// <param name="elapsed">The time since this view began to follow the work.</param>
    private static string Text(ProgressLine line, double first, TimeSpan elapsed)
    {
        var bytes = "";
        if (line.Bytes is { } total)
        {
            var perSecond = (line.Fraction - first) * total / Math.Max(elapsed.TotalSeconds, 0.001);
            bytes = $", {ByteText.Of((long)(line.Fraction * total))} of {ByteText.Of(total)}, {ByteText.Of((long)perSecond)}/s";
        }

        var left = JobEstimate.SecondsLeft((line.Fraction - first) / (1 - first), elapsed) is { } seconds
            ? string.Create(CultureInfo.InvariantCulture, $", about {seconds:F0} s left")
            : "";
        return string.Create(CultureInfo.InvariantCulture, $"{line.Fraction * 100,3:F0} % {line.Step}{bytes}{left}");
    }
}
