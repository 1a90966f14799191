using Xunit;
using Yue.Engine.Families.Yue1;
using Yue.Engine.Songs;

namespace Yue.Engine.Tests;

public sealed class SectionFindingsTests
{
    private const int Window = SectionFindings.WindowFrames;

    [Fact]
    public void A_section_that_ends_on_its_own_and_keeps_changing_has_no_finding() => Assert.Empty(Findings(Changing(3 * Window)));

    [Fact]
    public void A_section_cut_at_its_limit_is_reported_with_its_length() => Assert.Equal(
        ["section 3 [chorus] did not end on its own and was cut at its limit of 12.5 s (max_new_tokens); "
            + "raise max_new_tokens, or expect an abrupt end"],
        Findings(Changing(625), SectionEnd.MaxNewTokens));

    [Fact]
    public void A_section_cut_at_its_target_is_reported_with_the_target() => Assert.Equal(
        ["section 3 [chorus] did not end on its own and was cut at its target of 4 s (target_seconds); "
            + "raise target_seconds, or expect an abrupt end"],
        Findings(Changing(200), SectionEnd.MaxNewTokens, targetSeconds: 4));

    [Theory]
    [InlineData(1, "14.9 s to 27.1 s")]
    [InlineData(SectionFindings.MaxStuckCodes / 2, "15 s to 27 s")]
    public void A_section_that_repeats_few_codes_is_reported_with_the_time(int codes, string time)
    {
        var still = Enumerable.Range(0, Window + 100).Select(frame => 100 + (frame % codes));
        Assert.Equal(
            [$"section 3 [chorus] holds the same sound from {time}; try another seed, or another genre line"],
            Findings([.. Changing(750), .. still, .. Changing(Window)]));
    }

    [Fact]
    public void A_section_whose_band_plays_while_the_voice_rests_has_no_finding() =>
        Assert.Empty(Findings([.. Enumerable.Repeat(7, 2 * Window)], band: Changing(2 * Window)));

    [Fact]
    public void A_sound_that_is_held_briefly_is_not_a_finding() =>
        Assert.Empty(Findings([.. Changing(300), .. Enumerable.Repeat(7, Window - 50), .. Changing(300)]));

    [Fact]
    public void A_section_shorter_than_the_window_has_no_finding() => Assert.Empty(Findings([.. Enumerable.Repeat(7, Window - 1)]));

    private static int[] Changing(int frames) => [.. Enumerable.Range(0, frames).Select(frame => frame % 97)];

    private static IEnumerable<string> Findings(
        int[] voice, SectionEnd ended = SectionEnd.EndOfAudio, double? targetSeconds = null, int[]? band = null) =>
        SectionFindings.Of(3, new SectionCodes("chorus", [.. voice], [.. band ?? voice], ended), targetSeconds);
}
