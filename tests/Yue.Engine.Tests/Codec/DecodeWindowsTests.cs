using CsCheck;
using Xunit;
using Yue.Engine.Families.Yue1.Decode;

namespace Yue.Engine.Tests.Codec;

public sealed class DecodeWindowsTests
{
    private const int Context = 29;

    [Theory]
    [InlineData(1, "0-1 of 0-1")]
    [InlineData(79, "0-79 of 0-79")]
    [InlineData(80, "0-51 of 0-80, 51-80 of 0-80")]
    [InlineData(100, "0-51 of 0-80, 51-100 of 20-100")]
    [InlineData(179, "0-51 of 0-80, 51-106 of 22-135, 106-179 of 66-179")]
    [InlineData(
        630,
        "0-51 of 0-80, 51-106 of 22-135, 106-161 of 77-190, 161-216 of 132-245, 216-271 of 187-300, "
            + "271-421 of 242-450, 421-516 of 392-545, 516-571 of 487-600, 571-630 of 517-630")]
    [InlineData(
        1000,
        "0-51 of 0-80, 51-106 of 22-135, 106-161 of 77-190, 161-216 of 132-245, 216-271 of 187-300, 271-421 of 242-450, "
            + "421-516 of 392-545, 516-571 of 487-600, 571-721 of 542-750, 721-816 of 692-845, 816-871 of 787-900, "
            + "871-1000 of 792-1000")]
    public void A_song_is_split_into_these_windows(int frames, string windows) => Assert.Equal(
        windows,
        string.Join(", ", All(DecodeWindows.Default, frames, Context).Select(
            window => $"{window.Start}-{window.End} of {window.From}-{window.To}")));

    [Fact]
    public void A_song_without_frames_has_no_window() => Assert.Empty(All(DecodeWindows.Default, 0, Context));

    [Fact]
    public void Regular_windows_have_only_a_few_lengths()
    {
        Assert.Equal([80, 113, 153, 208], DecodeWindows.Default.Lengths(Context));
        Assert.Equal([62, 77, 117, 172], DecodeWindows.Default.Lengths(11));
        Assert.Equal([13, 16], new DecodeWindows([], [10]).Lengths(3));
        Assert.Equal([30, 40, 50], new DecodeWindows([], [10]).Lengths(20));
    }

    [Fact]
    public void Windows_are_the_same_whether_frames_arrive_gradually_or_all_at_once() =>
        Schedules.Select(Gen.Int[0, 800], Gen.Int[1, 60], Gen.Int[0, 40]).Sample((windows, frames, step, context) =>
        {
            List<DecodeWindow> early = [];
            for (var written = 0; ; written = Math.Min(written + step, frames))
            {
                while (windows.Next(early.Count == 0 ? 0 : early[^1].End, written, written == frames, context) is { } window)
                {
                    Assert.True(window.To <= written);
                    early.Add(window);
                }

                if (written == frames)
                {
                    break;
                }
            }

            Assert.Equal(All(windows, frames, context), early);
        });

    [Fact]
    public void Every_frame_comes_from_one_window_of_regular_length_with_its_context() =>
        Schedules.Select(Gen.Int[0, 800], Gen.Int[0, 40]).Sample((windows, frames, context) =>
        {
            var (done, lengths) = (0, windows.Lengths(context));
            foreach (var (from, to, start, end) in All(windows, frames, context))
            {
                Assert.Equal(done, start);
                Assert.True(end > start && from <= Math.Max(start - context, 0) && to >= Math.Min(end + context, frames));
                Assert.True(lengths.Contains(to - from) || (from, to) == (0, frames));
                done = end;
            }

            Assert.Equal(frames, done);
        });

    private static Gen<DecodeWindows> Schedules { get; } =
        Gen.Select(Gen.Int[1, 100].Array[0, 3], Gen.Int[1, 300].Array[1, 3], (steps, frames) => new DecodeWindows(
            [.. steps.Select((_, i) => steps[..(i + 1)].Sum())], frames));

    private static List<DecodeWindow> All(DecodeWindows windows, int frames, int context)
    {
        List<DecodeWindow> all = [];
        while (windows.Next(all.Count == 0 ? 0 : all[^1].End, frames, isComplete: true, context) is { } window)
        {
            all.Add(window);
        }

        return all;
    }
}
