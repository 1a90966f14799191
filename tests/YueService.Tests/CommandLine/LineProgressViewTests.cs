using Xunit;
using YueService.CommandLine;

namespace YueService.Tests.CommandLine;

public sealed class LineProgressViewTests
{
    [Theory]
    [InlineData(0, false)]
    [InlineData(0.01, false)]
    [InlineData(0.5, true)]
    public async Task What_is_left_is_said_once_enough_was_done_to_tell(double fraction, bool says)
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
}
