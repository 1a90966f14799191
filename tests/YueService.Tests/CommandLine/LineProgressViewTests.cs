using Xunit;
using YueService.CommandLine;

namespace YueService.Tests.CommandLine;

public sealed class LineProgressViewTests
{
    [Theory]
    [InlineData(0, false)]
    [InlineData(0.01, false)]
    [InlineData(0.5, true)]
    public async Task The_time_left_is_shown_once_it_can_be_estimated(double fraction, bool says)
    {
        using var writer = new StringWriter();
        var work = new TaskCompletionSource();
        var looks = 0;
        await new LineProgressView(writer).FollowAsync(
            () =>
            {
                if (++looks == 3)
                {
                    work.SetResult();
                }

                return new ProgressLine($"look {looks}", looks == 1 ? 0 : fraction);
            },
            work.Task);

        var lines = writer.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(3, lines.Length);
        Assert.EndsWith("look 1", lines[0]);
        Assert.Equal(says, lines[2].Contains("s left"));
        Assert.StartsWith(FormattableString.Invariant($"{100 * fraction,3:F0} % look 3"), lines[2]);
    }

    [Fact]
    public async Task A_download_is_shown_in_bytes_with_its_speed_and_its_notices()
    {
        using var writer = new StringWriter();
        var work = new TaskCompletionSource();
        var looks = 0;
        await new LineProgressView(writer).FollowAsync(
            () =>
            {
                if (++looks == 2)
                {
                    work.SetResult();
                }

                return new ProgressLine("model.bin", looks / 4.0) { Bytes = 2_000, Notice = looks == 2 ? "busy" : null };
            },
            work.Task);

        var lines = writer.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(" 25 % model.bin, 500 B of 2.00 kB, 0 B/s", lines[0]);
        Assert.Equal("busy", lines[1]);
        Assert.Matches(@"^ 50 % model\.bin, 1\.00 kB of 2\.00 kB, [1-9][0-9.]* k?B/s, about [0-9]+ s left\z", lines[2]);
        Assert.Equal(3, lines.Length);
    }
}
