using Xunit;
using Yue.Engine.Families.Yue1;
using Yue.Engine.Songs;

namespace Yue.Engine.Tests;

public sealed class SongPlanTests
{
    private const string Lyrics = "[verse]\na\n[chorus]\nb\n[bridge]\nc\n[outro]\nd";

    [Theory]
    [InlineData(0, 2, "verse,chorus", "[bridge], [outro]")]
    [InlineData(1, 2, "chorus,bridge", "[outro]")]
    [InlineData(1, 0, "chorus,bridge,outro", null)]
    [InlineData(3, 2, "outro", null)]
    [InlineData(4, 2, "", null)]
    public void A_song_is_continued_with_the_sections_after_the_kept_ones(int kept, int runNSegments, string sung, string? left)
    {
        var plan = SongPlan.For(
            new SongRequest { Lyrics = Lyrics, RunNSegments = runNSegments, ContinueFrom = kept == 0 ? null : Codes(kept) });
        Assert.Equal(sung, string.Join(',', plan.Sung.Select(section => section.Tag)));
        Assert.Equal((4, kept, 0), (plan.Lyrics.Count, plan.Before.Count, plan.After.Count));
        if (left is null)
        {
            Assert.Empty(plan.Warnings);
            return;
        }

        Assert.EndsWith($"because run_n_segments is {runNSegments}: {left}", Assert.Single(plan.Warnings), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, "verse", 0, 2, "sections 2 to 3 are kept as they were, although they were sung after a different section 1")]
    [InlineData(2, "chorus", 1, 1, "section 3 is kept as it was, although it was sung after a different section 2")]
    [InlineData(3, "bridge", 2, 0, null)]
    public void One_section_is_sung_again_and_the_others_are_kept(int replaced, string sung, int before, int after, string? warning)
    {
        var plan = SongPlan.For(new SongRequest { Lyrics = Lyrics, ContinueFrom = Codes(3), ReplaceSection = replaced });
        Assert.Equal(sung, Assert.Single(plan.Sung).Tag);
        Assert.Equal((before, after), (plan.Before.Count, plan.After.Count));
        Assert.Equal(warning, plan.Warnings.SingleOrDefault());
    }

    [Fact]
    public void An_instrumental_song_has_the_sections_without_their_words()
    {
        var plan = SongPlan.For(new SongRequest { Lyrics = "[verse]\nwords\n[chorus]\n", Instrumental = true });
        Assert.Equal(["[verse]\n\n\n", "[chorus]\n\n\n"], plan.Lyrics.Select(section => section.Text));
        Assert.Contains("words are not sung", Assert.Single(plan.Warnings), StringComparison.Ordinal);
        Assert.Empty(SongPlan.For(new SongRequest { Lyrics = "[verse]\n[chorus]", Instrumental = true }).Warnings);
    }

    [Fact]
    public void Finishing_a_draft_keeps_all_sections_and_sings_none()
    {
        var plan = SongPlan.For(new SongRequest { Lyrics = Lyrics, ContinueFrom = Codes(2), Scope = SongScope.Finish });
        Assert.Equal((2, 0, 0), (plan.Before.Count, plan.Sung.Count, plan.Lyrics.Count));
    }

    private static SongCodes Codes(int sections) =>
        new("en", [.. Enumerable.Repeat(new SectionCodes("verse", [1], [2], SectionEnd.EndOfAudio), sections)]);
}
