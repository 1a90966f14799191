using Xunit;
using Yue.Engine.Families.Yue1;
using Yue.Engine.Families.Yue1.Stage1;
using Yue.Engine.Songs;

namespace Yue.Engine.Tests;

public sealed class SongEffortTests
{
    private static readonly SongDevices Gpu = new(LanguageOnGpu: true, SoundOnGpu: true);
    private static readonly SongDevices Cpu = new(LanguageOnGpu: false, SoundOnGpu: false);
    private static readonly SongDevices SmallGpu = new(LanguageOnGpu: true, SoundOnGpu: false);
    private static readonly SectionBudget Long = SectionBudget.UpTo(3000);

    [Fact]
    public void Effort_counts_the_expected_lengths_of_sections_and_not_their_limits()
    {
        var effort = new SongEffort(SongScope.Full, Gpu, [(800, Long), (1200, Long)]);
        Assert.Equal(2000, effort.Tokens([], 0), 6);
        Assert.Equal(2000, effort.Tokens([], 500), 6);

        // Section 1 is longer than expected, so its length so far plus a tenth is counted.
        Assert.Equal(1100 + 1200, effort.Tokens([], 1000), 6);
        Assert.Equal(2000 + 2000, effort.Tokens([2000], 0), 6);
    }

    [Fact]
    public void Finished_sections_correct_the_expected_lengths_of_the_others()
    {
        var effort = new SongEffort(SongScope.Full, Gpu, [(1000, Long), (1000, Long)]);
        Assert.Equal(500 + 750, effort.Tokens([500], 0), 6);
        Assert.Equal(2000 + 1500, effort.Tokens([2000], 0), 6);
        Assert.Equal(2000 + 3000, effort.Tokens([2000], 2900), 6);      // never beyond the limit
    }

    [Fact]
    public void More_words_mean_more_work_and_a_draft_means_less()
    {
        double Work(string lyrics, SongScope scope = SongScope.Full) => SongEffort.WorkOf(
            new SongRequest { Lyrics = lyrics, Scope = scope }, SingingPace.Of(isDemo: true), Cpu);
        const string Line = "never let me go\n";
        Assert.InRange(Work($"[verse]\n{Line}{Line}{Line}") / Work($"[verse]\n{Line}"), 2, 4);
        Assert.InRange(Work(Line, SongScope.Draft) / Work(Line), 0.2, 0.7);
    }

    /// <remarks>With 16 cores, a measured song took 21.1 s with sound decoded on the CPU, and 15.7 s with sound decoded on the GPU. With
    /// two cores, one second of sound is decoded in about one second.</remarks>
    [Theory]
    [InlineData(16, 1.2, 1.5)]
    [InlineData(2, 2.5, 3.5)]
    public void Sound_decoded_on_the_CPU_is_a_larger_part_of_the_work(int cores, double min, double max)
    {
        var others = 1.75;      // the work of stages 1 and 2 per token
        Assert.InRange(
            (others + SongEffort.DecodeWork(SmallGpu, cores)) / (others + SongEffort.DecodeWork(Gpu, cores)), min, max);
    }

    [Fact]
    public void Decoding_sound_on_the_CPU_leaves_more_of_the_work_after_stage_2()
    {
        double Share(SongDevices devices) => new SongEffort(SongScope.Full, devices, [(1000, Long)]).Fraction(1000, 1000, 500, 1, 0);
        Assert.InRange(Share(Gpu), 0.95, 0.99);
        Assert.InRange(Share(SmallGpu), 0, 0.94);
    }

    [Theory]
    [InlineData(SongScope.Full)]
    [InlineData(SongScope.Draft)]
    [InlineData(SongScope.Finish)]
    public void The_fraction_of_work_that_is_done_grows_from_0_to_1(SongScope scope)
    {
        var effort = new SongEffort(scope, Cpu, [(1000, Long)]);
        var tokens = scope == SongScope.Finish ? 0 : 1000;
        Assert.Equal(0, effort.Fraction(0, tokens, 500, 0, 0));
        var half = effort.Fraction(tokens / 2, tokens, 500, 0.5, 0.5);
        Assert.InRange(half, 0.3, 0.6);
        Assert.Equal(half, effort.Fraction(tokens / 4, 2 * tokens, 500, 0.5, 0.5));
        Assert.Equal(1, effort.Fraction(tokens, tokens, 500, 1, 1));
    }
}
