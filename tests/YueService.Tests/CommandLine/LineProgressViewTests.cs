using Xunit;
using YueService.CommandLine;

namespace YueService.Tests.CommandLine;

public sealed class LineProgressViewTests
{
    [Theory]
    [InlineData(0, false)]
    [InlineData(0.01, false)]
    [InlineData(0.5, true)]
    public async Task The_time_left_is_shown_once_it_can_be_estimated(double fraction, bool isShown)
    {
        using var writer = new StringWriter();
        var work = new TaskCompletionSource();
        var reads = 0;
        await new LineProgressView(writer).FollowAsync(
            () =>
            {
                if (++reads == 3)
                {
                    work.SetResult();
                }

                return new ProgressLine($"read {reads}", reads == 1 ? 0 : fraction);
            },
            work.Task);

        var lines = writer.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(3, lines.Length);
        Assert.EndsWith("read 1", lines[0]);
        Assert.Equal(isShown, lines[2].Contains("s left"));
        Assert.StartsWith(FormattableString.Invariant($"{100 * fraction,3:F0} % read 3"), lines[2]);
    }

    [Fact]
    public async Task A_download_is_shown_in_bytes_with_its_speed_and_its_notices()
    {
        using var writer = new StringWriter();
        var work = new TaskCompletionSource();
        var reads = 0;
        await new LineProgressView(writer).FollowAsync(
            () =>
            {
                if (++reads == 2)
                {
                    work.SetResult();
                }

                return new ProgressLine("model.bin", reads / 4.0) { Bytes = 2_000, Notice = reads == 2 ? "busy" : null };
            },
            work.Task);

        var lines = writer.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(" 25 % model.bin, 500 B of 2.00 kB, 0 B/s", lines[0]);
        Assert.Equal("busy", lines[1]);
        Assert.Matches(@"^ 50 % model\.bin, 1\.00 kB of 2\.00 kB, [1-9][0-9.]* k?B/s, about [0-9]+ s left\z", lines[2]);
        Assert.Equal(3, lines.Length);
    }
}
