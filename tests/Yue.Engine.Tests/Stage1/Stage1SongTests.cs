using System.Collections.Immutable;
using Xunit;
using Yue.Engine.Stage1;
using Yue.Engine.Text;
using Yue.Engine.Tokens;

namespace Yue.Engine.Tests.Stage1;

public sealed class Stage1SongTests
{
    private static readonly int[] OneSecond = [.. Enumerable.Repeat(TokenMap.ToId(7), 100)];

    [Fact]
    public void Every_requested_section_is_sung_the_last_one_too()
    {
        var sequence = new FakeStage1Sequence();
        using var song = Begun(Prompt(3), 3, sequence, 16_384);

        for (var section = 0; section < 3; section++)
        {
            Assert.False(song.IsDone);
            Assert.Equal(section, song.Done);
            sequence.Sample([.. OneSecond, TokenMap.EndOfAudio]);
            song.TakeSampled();
        }

        Assert.True(song.IsDone);
        Assert.Equal(3, song.Sung.Count());
        Assert.Equal([[1, 2, 10], [11], [12]], sequence.Prompts);
        Assert.Equal([0, 1, 2], sequence.Sections);
        Assert.Equal(0, sequence.Cleared);
    }

    [Fact]
    public void A_song_of_one_section_is_sung()
    {
        var sequence = new FakeStage1Sequence();
        using var song = Begun(Prompt(1), 1, sequence, 16_384);
        sequence.Sample([.. OneSecond, TokenMap.EndOfAudio]);
        song.TakeSampled();
        Assert.True(song.IsDone);
    }

    [Fact]
    public void A_section_cut_at_the_limit_is_closed_before_the_next_one()
    {
        var sequence = new FakeStage1Sequence();
        using var song = Begun(Prompt(2), 2, sequence, 16_384, maxTokens: 100);
        sequence.Sample(OneSecond[..99]);
        song.TakeSampled();
        Assert.Equal(0, song.Done);
        sequence.Sample(OneSecond[0]);
        song.TakeSampled();
        Assert.Equal(1, song.Done);
        Assert.Equal([TokenMap.EndOfAudio, 11], sequence.Prompts[1]);
    }

    [Fact]
    public void Guidance_is_stronger_in_the_first_section_unless_it_is_given()
    {
        var sequence = new FakeStage1Sequence();
        using var song = Begun(Prompt(2), 2, sequence, 16_384);
        sequence.Sample([.. OneSecond, TokenMap.EndOfAudio]);
        song.TakeSampled();
        Assert.Equal([1.5, 1.2], sequence.Settings.Select(settings => settings.GuidanceScale));

        var given = new FakeStage1Sequence();
        using var other = Begun(Prompt(1), 1, given, 16_384, sampling: new SamplingSettings { GuidanceScale = 1 });
        Assert.False(given.Settings[0].IsGuided);
    }

    [Fact]
    public void A_full_context_drops_the_oldest_sections_and_keeps_the_instruction()
    {
        var sequence = new FakeStage1Sequence();
        using var song = Begun(Prompt(4), 4, sequence, 151 + 230, maxTokens: 150);
        for (var section = 0; section < 3; section++)
        {
            Assert.Empty(song.Warnings.Take(section < 2 ? 1 : 0));
            sequence.Sample([.. OneSecond, TokenMap.EndOfAudio]);
            song.TakeSampled();
        }

        // Three sections of 102 and their prompts do not fit into 230; two do, behind the two ids of the instruction.
        Assert.Equal([1, 2, 11, .. OneSecond, TokenMap.EndOfAudio, 12, .. OneSecond, TokenMap.EndOfAudio, 13], sequence.Prompts[3]);
        Assert.Equal(1, sequence.Cleared);
        Assert.Equal(["context shortened: section 4 was sung without hearing section 1"], song.Warnings);
    }

    [Fact]
    public void Lyrics_that_never_fit_are_refused_with_the_figures()
    {
        var error = Assert.Throws<SongRequestException>(() =>
            Begun(Prompt(1), 1, new FakeStage1Sequence(), 503, maxTokens: 500));
        Assert.Equal(
            "genre and lyrics take 3 tokens; with max_new_tokens 500 the model's context of 503 holds 2: shorten the lyrics, or lower max_new_tokens or target_seconds",
            error.Message);
    }

    [Fact]
    public void Kept_sections_are_heard_and_the_next_one_is_sung_behind_them_as_if_this_song_had_sung_them()
    {
        int[] closed = [.. OneSecond, TokenMap.EndOfAudio];
        var whole = new FakeStage1Sequence();
        using var song = Begun(Prompt(3), 3, whole, 16_384, maxTokens: 150);
        whole.Sample(OneSecond);
        whole.Sample(OneSecond[..50]);
        song.TakeSampled();
        whole.Sample(closed);
        song.TakeSampled();

        var sequence = new FakeStage1Sequence();
        using var continued = Begun(Prompt(3), 1, sequence, 16_384, kept: song.Sung);
        Assert.Equal([2], sequence.Sections);
        Assert.Equal([1, 2, 10, .. OneSecond, .. OneSecond[..50], TokenMap.EndOfAudio, 11, .. closed, 12], Assert.Single(sequence.Prompts));
        Assert.Equal(1.2, sequence.Settings[0].GuidanceScale);
        sequence.Sample(closed);
        continued.TakeSampled();
        Assert.True(continued.IsDone);
        Assert.Equal([closed], continued.Sung);
        Assert.Equal(101, continued.Tokens);
    }

    [Fact]
    public void Kept_sections_that_are_too_long_for_the_context_go_first()
    {
        int[] closed = [.. OneSecond, TokenMap.EndOfAudio];
        var sequence = new FakeStage1Sequence();
        using var song = Begun(Prompt(3), 1, sequence, 151 + 150, maxTokens: 150, kept: [closed, closed]);
        Assert.Equal([1, 2, 11, .. closed, 12], Assert.Single(sequence.Prompts));
        Assert.Equal(["context shortened: section 3 was sung without hearing section 1"], song.Warnings);
    }

    [Theory]
    [InlineData(1, 100, 100)]
    [InlineData(1.05, 100, 104)]
    [InlineData(20, 1800, 2000)]
    [InlineData(100, 9000, 10_000)]
    public void A_target_may_end_in_its_last_tenth_and_is_whole_frames_long(double seconds, int min, int max)
    {
        Assert.Equal(new SectionBudget(min, max), SectionBudget.OfSeconds(seconds));
        var sequence = new FakeStage1Sequence();
        using var song = new Stage1Song(Prompt(1), [], [SectionBudget.OfSeconds(seconds)], new SamplingSettings(), sequence, 16_384);
        song.Begin();
        Assert.Equal((min, max), (sequence.Settings[0].MinNewTokens, sequence.Settings[0].MaxNewTokens));
    }

    private static Stage1Song Begun(
        SongPrompt prompt,
        int sections,
        FakeStage1Sequence sequence,
        int contextLength,
        int maxTokens = 3000,
        SamplingSettings? sampling = null,
        IEnumerable<int[]>? kept = null)
    {
        var budgets = Enumerable.Repeat(SectionBudget.UpTo(maxTokens), sections).ToArray();
        var song = new Stage1Song(prompt, [.. kept ?? []], budgets, sampling ?? new SamplingSettings(), sequence, contextLength);
        song.Begin();
        return song;
    }

    /// <summary>The instruction is 1, 2; section i's own prompt is 10 + i.</summary>
    private static SongPrompt Prompt(int sections) => new()
    {
        Head = [1, 2],
        Sections = [.. Enumerable.Range(0, sections).Select(i => i == 0 ? [1, 2, 10] : ImmutableArray.Create(10 + i))],
        Warnings = [],
    };
}
