using System.Collections.Immutable;
using CsCheck;
using Xunit;
using Yue.Engine.Families.Yue1.Stage1;
using Yue.Engine.Families.Yue1.Text;
using Yue.Engine.Families.Yue1.Tokens;
using Yue.Engine.Songs;

namespace Yue.Engine.Tests.Stage1;

public sealed class Stage1SongTests
{
    private static readonly int[] OneSecond = [.. Enumerable.Repeat(TokenMap.ToId(7), 100)];

    [Fact]
    public void Every_requested_section_is_sung_including_the_last()
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
        Assert.Empty(sequence.Truncations);
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
    public void A_section_cut_at_the_limit_gets_an_end_id_before_the_next_one()
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
    public void Guidance_is_stronger_in_the_first_section_unless_a_value_is_sent()
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
    public void A_full_context_drops_its_oldest_half_but_not_the_instruction()
    {
        var sequence = new FakeStage1Sequence();
        using var song = Begun(Prompt(4), 4, sequence, 151 + 230, maxTokens: 150);
        for (var section = 0; section < 3; section++)
        {
            Assert.Empty(song.Warnings.Take(section < 2 ? 1 : 0));
            sequence.Sample([.. OneSecond, TokenMap.EndOfAudio]);
            song.TakeSampled();
        }

        // Three sections of 101 ids and their prompts do not fit into 230 positions. One fits into half of the space after the instruction.
        Assert.Equal([12, .. OneSecond, TokenMap.EndOfAudio, 13], sequence.Prompts[3]);
        Assert.Equal([1, 2], Assert.Single(sequence.Truncations));
        Assert.Equal(["context shortened: from section 4 on, the model does not see sections 1 to 2"], song.Warnings);
    }

    [Theory]
    [InlineData(2, 100, 100, 100)]
    [InlineData(1000, 100, 100, 100)]       // lyrics that take more than half of the context
    [InlineData(2, 1, 700, 30)]             // sections of different lengths
    [InlineData(200, 640, 10, 640)]
    public void At_most_one_id_per_new_id_is_read_again_over_120_sections(int head, params int[] lengths)
    {
        const int Sections = 120, Context = 2000, MaxTokens = 700;
        var sequence = new FakeStage1Sequence();
        using var song = Begun(Prompt(Sections, head), Sections, sequence, Context, MaxTokens);
        var (newIds, held) = (head + 1, 0);
        for (var section = 0; section < Sections; section++)
        {
            var dropped = sequence.Truncations.Count;
            var sung = OneSecond[0];
            int[] ids = [.. Enumerable.Repeat(sung, lengths[section % lengths.Length] - 1), TokenMap.EndOfAudio];
            held += sequence.Prompts[^1].Length + ids.Length;
            sequence.Sample(ids);
            song.TakeSampled();
            newIds += ids.Length + 1;
            held = sequence.Truncations.Count > dropped ? head : held;
            Assert.True(song.IsDone || held + sequence.Prompts[^1].Length <= Context - MaxTokens - 1);
        }

        Assert.True(song.IsDone);
        Assert.NotEmpty(sequence.Truncations);
        var read = sequence.Prompts.Sum(prompt => prompt.Length);
        Assert.InRange(read, 0, 2 * newIds);
    }

    [Fact]
    public void A_prompt_is_read_in_pieces_and_counts_in_the_progress()
    {
        var sequence = new FakeStage1Sequence();
        using var song = Begun(Prompt(1, head: 1500), 1, sequence, 16_384, maxTokens: 100);
        List<(double Done, double All)> reading = [song.Reading];
        while (sequence.Unread > 0)
        {
            song.Read();
            reading.Add(song.Reading);
        }

        Assert.Equal([512, 512, 476], sequence.Pieces);
        Assert.Equal([0, 51.2, 102.4, 150], reading.Select(read => read.Done));
        Assert.All(reading, read => Assert.Equal(150, read.All));
        Assert.Equal(0, song.Tokens);
    }

    [Fact]
    public void Each_frame_is_taken_once_after_both_its_ids_are_sampled()
    {
        static int[] Ids(int first, int count) => [.. Enumerable.Range(first, count).Select(code => TokenMap.ToId(code))];

        var sequence = new FakeStage1Sequence();
        using var song = Begun(Prompt(3), 2, sequence, 16_384, maxTokens: 100, kept: [[.. Ids(900, 100)]]);
        Assert.Equal(0, song.TakeFrames().Frames);
        sequence.Sample(Ids(0, 3));
        song.TakeSampled();
        var one = song.TakeFrames();
        Assert.Equal([0], one.Vocal);
        Assert.Equal([1], one.Instrumental);
        Assert.Equal(0, song.TakeFrames().Frames);

        // The last id of the section has no partner.
        sequence.Sample([.. Ids(3, 2), TokenMap.EndOfAudio]);
        song.TakeSampled();
        Assert.Equal(1, song.Done);
        sequence.Sample(Ids(200, 2));
        song.TakeSampled();
        var two = song.TakeFrames();
        Assert.Equal([2, 200], two.Vocal);
        Assert.Equal([3, 201], two.Instrumental);

        sequence.Sample(Ids(202, 98));
        song.TakeSampled();
        Assert.True(song.IsDone);
        Assert.Equal(49, song.TakeFrames().Frames);
        Assert.Equal(0, song.TakeFrames().Frames);
    }

    [Fact]
    public void The_predicted_minimum_frame_count_is_never_above_the_actual_one() =>
        Gen.Select(Gen.Int[100, 400], Gen.Int[0, 300], Gen.Int[0, 300]).Array[1, 5].Sample(sections =>
        {
            SectionBudget[] budgets = [.. sections.Select(section => new SectionBudget(section.Item1, section.Item1 + section.Item2))];
            int[] frames = [.. sections.Select(section => (section.Item1 + Math.Min(section.Item2, section.Item3)) / 2)];
            frames[^1] = budgets[^1].MaxTokens / 2;
            for (var finished = 0; finished < frames.Length; finished++)
            {
                for (var written = 0; written <= frames[finished]; written += 10)
                {
                    var cut = SectionBudget.MinFrames(budgets, finished, written, lastIsCut: true);
                    Assert.InRange(cut, frames[^1], frames[finished..].Sum());
                    Assert.InRange(SectionBudget.MinFrames(budgets, finished, written, lastIsCut: false), written, cut);
                }
            }

            Assert.Equal(0, SectionBudget.MinFrames(budgets, budgets.Length, 0, lastIsCut: true));
        });

    [Fact]
    public void A_continued_song_has_the_same_context_as_an_uninterrupted_one()
    {
        const int Sections = 9, Context = 151 + 430;
        int[] closed = [.. OneSecond, TokenMap.EndOfAudio];
        for (var kept = 1; kept < Sections; kept++)
        {
            var whole = new FakeStage1Sequence();
            using var song = Begun(Prompt(Sections), Sections, whole, Context, maxTokens: 150);
            var context = new List<int>(whole.Prompts[0]);
            for (var section = 0; section < kept; section++)
            {
                whole.Sample(closed);
                context.AddRange(closed);
                var dropped = whole.Truncations.Count;
                song.TakeSampled();
                if (whole.Truncations.Count > dropped)
                {
                    context.RemoveRange(2, context.Count - 2);
                }

                context.AddRange(whole.Prompts[^1]);
            }

            var continued = new FakeStage1Sequence();
            using var rest = Begun(Prompt(Sections), 1, continued, Context, maxTokens: 150, kept: Enumerable.Repeat(closed, kept));
            Assert.Equal(context, Assert.Single(continued.Prompts));
        }
    }

    [Theory]
    [InlineData(false, "the genre line, the lyrics", "the lyrics")]
    [InlineData(true, "the genre line, the reference clip, the lyrics", "the lyrics or the reference clip")]
    public void Prompts_that_never_fit_are_refused_with_the_figures(bool hasReference, string parts, string shorter)
    {
        var prompt = Prompt(1) with { HasReference = hasReference };
        var error = Assert.Throws<SongRequestException>(() => Begun(prompt, 1, new FakeStage1Sequence(), 503, maxTokens: 500));
        Assert.Equal(
            $"{parts} and the start of section 1 take 3 tokens, but the model's context of 503 has room for 2 in addition to "
                + $"500 tokens of sound: shorten {shorter}, or send max_new_tokens of at most 499 or target_seconds of at most 4.99",
            error.Message);
    }

    /// <remarks>This allows a request to be rejected before anything is sung.</remarks>
    [Fact]
    public void A_song_fails_if_and_only_if_one_of_its_sections_cannot_fit() =>
        Gen.Select(Gen.Int[1, 20].Array[1, 5], Gen.Int[1, 40], Gen.Int[100, 300], Gen.Int[100, 500])
            .Sample((own, head, maxTokens, context) =>
            {
                ImmutableArray<int> instruction = [.. Enumerable.Range(1, head)];
                var prompt = new SongPrompt
                {
                    Head = instruction,
                    Sections = [.. own.Select((length, i) => ImmutableArray.CreateRange(
                        (i == 0 ? instruction : []).Concat(Enumerable.Repeat(10, length))))],
                    Warnings = [],
                };
                var fits = Enumerable.Range(0, own.Length).All(i => Stage1Song.FaultOf(prompt, i, context, maxTokens) is null);
                Assert.Equal(fits, IsSung(prompt, maxTokens, context));
            });

    [Fact]
    public void A_section_after_kept_ones_is_sung_as_if_this_song_had_sung_them()
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
    public void Kept_sections_that_are_too_long_for_the_context_are_dropped_first()
    {
        int[] closed = [.. OneSecond, TokenMap.EndOfAudio];
        var sequence = new FakeStage1Sequence();
        using var song = Begun(Prompt(3), 1, sequence, 151 + 150, maxTokens: 150, kept: [closed, closed]);
        Assert.Equal([1, 2, 11, .. closed, 12], Assert.Single(sequence.Prompts));
        Assert.Equal(["context shortened: from section 3 on, the model does not see section 1"], song.Warnings);
    }

    [Theory]
    [InlineData(1, 100, 100)]
    [InlineData(1.05, 100, 104)]
    [InlineData(20, 1800, 2000)]
    [InlineData(100, 9000, 10_000)]
    public void A_section_may_end_in_the_last_tenth_of_its_target_at_a_whole_frame(double seconds, int min, int max)
    {
        Assert.Equal(new SectionBudget(min, max), SectionBudget.OfSeconds(seconds));
        var sequence = new FakeStage1Sequence();
        using var song = new Stage1Song(Prompt(1), [], [SectionBudget.OfSeconds(seconds)], new SamplingSettings(), sequence, 16_384);
        song.Begin();
        Assert.Equal((min, max), (sequence.Settings[0].MinNewTokens, sequence.Settings[0].MaxNewTokens));
    }

    private static bool IsSung(SongPrompt prompt, int maxTokens, int context)
    {
        try
        {
            var sequence = new FakeStage1Sequence();
            using var song = Begun(prompt, prompt.Sections.Length, sequence, context, maxTokens);
            while (!song.IsDone)
            {
                sequence.Sample([.. OneSecond, TokenMap.EndOfAudio]);
                song.TakeSampled();
            }

            return true;
        }
        catch (SongRequestException)
        {
            return false;
        }
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

    /// <summary>Returns a prompt in which the instruction is 1, 2 and so on, and section i is 10 + i.</summary>
    private static SongPrompt Prompt(int sections, int head = 2)
    {
        ImmutableArray<int> instruction = [.. Enumerable.Range(1, head)];
        return new()
        {
            Head = instruction,
            Sections = [.. Enumerable.Range(0, sections).Select(i => i == 0 ? [.. instruction, 10] : ImmutableArray.Create(10 + i))],
            Warnings = [],
        };
    }
}
