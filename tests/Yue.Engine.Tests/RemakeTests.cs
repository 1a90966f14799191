using System.Collections.Immutable;
using Xunit;
using Yue.Engine.Families.Yue1.Tokens;
using Yue.Engine.Songs;

namespace Yue.Engine.Tests;

/// <summary>Tests songs that start from existing codes (finished drafts, continued songs and replaced sections), and the lengths and ends
/// of sections.</summary>
public sealed class RemakeTests(DemoEngine demo) : IClassFixture<DemoEngine>
{
    private static readonly OutputSettings Codec = new() { SampleRate = OutputSettings.CodecSampleRateHz };

    [Fact]
    public async Task A_finished_draft_equals_the_full_song_bit_for_bit()
    {
        var full = await demo.Submit(TwoSections());
        var draft = await demo.Submit(TwoSections() with { Scope = SongScope.Draft, Output = Codec });
        var finished = await demo.Submit(TwoSections() with { Lyrics = "", Scope = SongScope.Finish, ContinueFrom = draft.Codes });

        Assert.Equal(full.Mix.Samples, finished.Mix.Samples);
        Assert.Equal(Ids(full.Codes), Ids(draft.Codes));
        Assert.Equal(full.Sections.Select(section => (section.Tag, section.DurationSeconds, section.Tokens, section.Ended)),
            finished.Sections.Select(section => (section.Tag, section.DurationSeconds, section.Tokens, section.Ended)));
        Assert.Equal((false, true), (draft.Sections[0].Kept, finished.Sections[0].Kept));
        Assert.Equal((SongScope.Draft, SongScope.Finish), (draft.Scope, finished.Scope));

        Assert.Equal(16_000, draft.Mix.SampleRateHz);
        Assert.Equal(draft.Codes.Frames * 320, draft.Mix.Samples.Length);
        Assert.InRange(draft.Mix.Samples.Max(Math.Abs), 0.001f, 2f);
        Assert.Equal((0, 0), (draft.Timings.Stage2Seconds, finished.Timings.Stage1Seconds));
        Assert.Equal(0, finished.Timings.TokensPerSecond);
    }

    [Fact]
    public async Task A_song_continued_with_its_seed_equals_the_uninterrupted_song()
    {
        var whole = await demo.Submit(TwoSections());
        var first = await demo.Submit(TwoSections() with { RunNSegments = 1 });
        var continued = await demo.Submit(TwoSections() with { ContinueFrom = first.Codes });

        Assert.Equal(Ids(whole.Codes)[0], Ids(first.Codes)[0]);
        Assert.Equal(Ids(whole.Codes), Ids(continued.Codes));
        Assert.Equal(whole.Mix.Samples, continued.Mix.Samples);
        Assert.Equal([true, false], continued.Sections.Select(section => section.Kept));
    }

    [Fact]
    public async Task A_replaced_section_is_different_and_the_others_are_kept()
    {
        // With a lower temperature, the demo model would sing the same codes for different seeds.
        var request = TwoSections() with
        {
            Lyrics = "[verse]\na\n[chorus]\nb\n[outro]\nc",
            RunNSegments = 3,
            Scope = SongScope.Draft,
            Output = Codec,
            Sampling = new SamplingSettings { Temperature = 2, TopP = 1 },
        };
        var before = await demo.Submit(request);
        var after = await demo.Submit(request with { ContinueFrom = before.Codes, ReplaceSection = 2, Seed = 99 });
        var again = await demo.Submit(request with { ContinueFrom = after.Codes, ReplaceSection = 2 });

        Assert.Equal(Ids(before.Codes)[0], Ids(after.Codes)[0]);
        Assert.NotEqual(Ids(before.Codes)[1], Ids(after.Codes)[1]);
        Assert.Equal(Ids(before.Codes)[2], Ids(after.Codes)[2]);
        Assert.Equal([true, false, true], after.Sections.Select(section => section.Kept));
        Assert.Contains("section 3 is kept as it was, although it was sung after a different section 2", after.Warnings);
        Assert.Equal(Ids(before.Codes), Ids(again.Codes));
    }

    [Fact]
    public async Task An_instrumental_song_is_the_instrumental_track_of_the_same_codes()
    {
        foreach (var rate in (int[])[16_000, 44_100])
        {
            var output = new OutputSettings { SampleRate = rate, Stems = true, FadeOutSeconds = 0 };
            var sung = await demo.Submit(DemoEngine.OneSecond() with { Output = output });
            var alone = await demo.Submit(
                DemoEngine.OneSecond() with { Output = output, Instrumental = true, Scope = SongScope.Finish, ContinueFrom = sung.Codes });
            Assert.Equal(rate, alone.Mix.Samples.Length);
            Assert.Null(alone.Instrumental);
            Assert.Contains("output.stems was ignored: an instrumental song has only one track", alone.Warnings);
            Assert.True(rate != 16_000 || sung.Instrumental!.Samples.SequenceEqual(alone.Mix.Samples));
            Assert.NotEqual(sung.Mix.Samples, alone.Mix.Samples);
        }

        var song = await demo.Submit(
            DemoEngine.OneSecond() with { Lyrics = "[verse]\n[chorus]", Instrumental = true, Scope = SongScope.Draft, Output = Codec });
        Assert.Equal(["verse", "chorus"], song.Sections.Select(section => section.Tag));
        Assert.Equal(song.Codes.Frames, song.Codes.Sections.Sum(section => section.Vocal.Length));
    }

    [Fact]
    public async Task Target_seconds_bound_each_section_from_below_and_above()
    {
        var song = await demo.Submit(
            TwoSections() with { TargetSeconds = [1.5, 3], MaxNewTokens = 100, Scope = SongScope.Draft, Output = Codec });
        Assert.InRange(song.Sections[0].DurationSeconds, 0.9 * 1.5, 1.5);
        Assert.InRange(song.Sections[1].DurationSeconds, 0.9 * 3, 3);
    }

    [Fact]
    public async Task A_cut_off_end_is_faded_out_in_all_tracks_and_a_natural_end_is_not()
    {
        var output = new OutputSettings { Stems = true, FadeOutSeconds = 0.2 };
        var request = DemoEngine.OneSecond() with { Output = output };
        var faded = await demo.Submit(request);
        var hard = await demo.Submit(request with { Output = output with { FadeOutSeconds = 0 } });
        foreach (var (soft, cut) in new[] { (faded.Mix, hard.Mix), (faded.Vocal!, hard.Vocal!), (faded.Instrumental!, hard.Instrumental!) })
        {
            var end = soft.Samples.Length - (soft.SampleRateHz / 5);
            Assert.Equal(cut.Samples[..end], soft.Samples[..end]);
            Assert.NotEqual(cut.Samples, soft.Samples);
            Assert.Equal(0, soft.Samples[^1]);
        }

        Assert.Contains("the last 0.2 s are faded out", faded.Warnings[^1], StringComparison.Ordinal);
        Assert.DoesNotContain(hard.Warnings, warning => warning.Contains("faded", StringComparison.Ordinal));

        var ended = hard.Codes with { Sections = [hard.Codes.Sections[0] with { Ended = SectionEnd.EndOfAudio }] };
        var own = await demo.Submit(request with { Scope = SongScope.Finish, ContinueFrom = ended });
        Assert.Equal(hard.Mix.Samples, own.Mix.Samples);
    }

    [Fact]
    public async Task A_single_frame_with_the_lowest_and_highest_code_can_be_finished()
    {
        var codes = new SongCodes("elsewhere", [new("verse", [0], [1023], SectionEnd.EndOfAudio)]);
        var song = await demo.Submit(new SongRequest { Lyrics = "", Scope = SongScope.Finish, ContinueFrom = codes });
        Assert.Equal(882, song.Mix.Samples.Length);
        Assert.Equal("elsewhere", song.Model);
    }

    [Fact]
    public async Task A_song_with_nothing_left_to_sing_is_refused()
    {
        var song = await demo.Submit(DemoEngine.OneSecond() with { Scope = SongScope.Draft, Output = Codec });
        var error = await Assert.ThrowsAsync<SongRequestException>(
            () => demo.Submit(DemoEngine.OneSecond() with { ContinueFrom = song.Codes }));
        Assert.Equal("lyrics: there are no words to sing", error.Message);
        await Assert.ThrowsAsync<SongRequestException>(() => demo.Submit(new SongRequest { Lyrics = "", Scope = SongScope.Finish }));
    }

    private static SongRequest TwoSections() =>
        new() { Lyrics = "[verse]\nla la\n[chorus]\nlo lo", RunNSegments = 2, MaxNewTokens = 131, Seed = 4 };

    private static IReadOnlyList<ImmutableArray<int>> Ids(SongCodes codes) =>
        [.. codes.Sections.Select(section => section.ToIds().ToImmutableArray())];
}
