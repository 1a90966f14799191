using Xunit;
using Yue.Engine.Songs;
using Yue.Testing;

namespace Yue.Engine.Tests;

/// <summary>Tests songs with a listener.</summary>
public sealed class EarlySoundTests(DemoEngine demo) : IClassFixture<DemoEngine>
{
    private static readonly OutputSettings Stems = new() { Stems = true };

    private static Task<SongResult>? _alone;

    [Fact]
    public async Task A_song_is_the_same_with_and_without_a_listener()
    {
        var request = ThreeSections() with { Output = Stems };
        var alone = await AloneAsync();
        var listener = new SoundListener();
        var heard = await demo.SubmitHeard(request, listener);

        Assert.True(alone.Codes.Frames > 600);
        Assert.Equal(alone.Mix.Samples, heard.Mix.Samples);
        Assert.Equal(alone.Vocal!.Samples, heard.Vocal!.Samples);
        Assert.Equal(alone.Instrumental!.Samples, heard.Instrumental!.Samples);
        Assert.Equal(alone.Warnings, heard.Warnings);
        listener.AssertHeard(heard);
        Assert.True(listener.Sounds.Count >= 3);
        Assert.InRange(listener.FirstSoundSeconds, 0.01, 0.9 * heard.Timings.Stage1Seconds);
    }

    [Fact]
    public async Task A_listener_that_joins_late_and_leaves_early_does_not_change_the_song()
    {
        var alone = await AloneAsync();
        var polls = 0;
        var listener = new SoundListener(() => ++polls is > 500 and < 800);
        var heard = await demo.SubmitHeard(ThreeSections(), listener);
        Assert.True(polls > 800);
        Assert.Equal(alone.Mix.Samples, heard.Mix.Samples);
        listener.AssertHeard(heard);
    }

    [Fact]
    public async Task Songs_made_together_are_the_same_with_and_without_listeners()
    {
        await using var several = new DemoEngine(new Scheduling.EngineOptions { SongsAtOnce = 3 });
        await several.InitializeAsync();
        SongRequest[] requests = [.. ((double[][])[[5, 5, 3.2], [3.3, 3.1, 1], [6.5, 1, 1]])
            .Select((seconds, i) => ThreeSections() with { TargetSeconds = seconds, Seed = i })];
        var alone = new SongResult[requests.Length];
        for (var i = 0; i < requests.Length; i++)
        {
            alone[i] = await demo.Submit(requests[i]);
        }

        var listener = new SoundListener();
        var together = await Task.WhenAll(
            several.SubmitHeard(requests[0], listener),
            several.Submit(requests[1]),
            several.SubmitHeard(requests[2], new SoundListener()));
        Assert.Equal(alone.Select(song => song.Mix.Samples), together.Select(song => song.Mix.Samples));
        listener.AssertHeard(together[0]);
    }

    [Fact]
    public async Task Sound_starts_after_stage_1_if_the_listener_is_not_listening()
    {
        var listener = new SoundListener(() => false);
        var song = await demo.SubmitHeard(ThreeSections(), listener);
        listener.AssertHeard(song);
        Assert.True(listener.FirstSoundSeconds > song.Timings.Stage1Seconds);
    }

    [Theory]
    [InlineData(1.0, SongScope.Full)]
    [InlineData(30.0, SongScope.Full)]
    [InlineData(0.0, SongScope.Draft)]
    [InlineData(1.5, SongScope.Draft)]
    [InlineData(30.0, SongScope.Draft)]
    public async Task The_end_of_a_truncated_song_is_streamed_with_its_fade_out(double fadeSeconds, SongScope scope)
    {
        var output = Stems with { FadeOutSeconds = fadeSeconds };
        var listener = new SoundListener();
        var song = await demo.SubmitHeard(
            new SongRequest
            {
                Lyrics = $"[verse]\nla\n[chorus]\n{string.Concat(Enumerable.Repeat("la lo ", 60))}",
                TargetSeconds = [2, 4],
                Scope = scope,
                Output = scope == SongScope.Draft ? output with { SampleRate = OutputSettings.CodecSampleRateHz } : output,
            },
            listener);
        listener.AssertHeard(song);
        Assert.Equal(SectionEnd.MaxNewTokens, song.Sections[^1].Ended);
        Assert.Equal(fadeSeconds > 0, song.Vocal!.Samples[^1] == 0);
    }

    /// <remarks>The songs have one or ten sections, and they end on their own or are cut off. The shortest are decoded in a single
    /// window.</remarks>
    [Theory]
    [InlineData(1, 1.0, SectionEnd.MaxNewTokens)]
    [InlineData(1, 1.5, SectionEnd.MaxNewTokens)]
    [InlineData(1, null, SectionEnd.EndOfAudio)]
    [InlineData(10, 1.5, SectionEnd.MaxNewTokens)]
    public async Task A_streamed_song_equals_the_finished_song(int sections, double? seconds, SectionEnd end)
    {
        var request = new SongRequest
        {
            Lyrics = string.Concat(Enumerable.Repeat("[verse]\nla la\n", sections)),
            RunNSegments = sections,
            TargetSeconds = seconds is { } target ? [.. Enumerable.Repeat(target, sections)] : null,
            Output = Stems,
        };
        var listener = new SoundListener();
        var heard = await demo.SubmitHeard(request, listener);
        listener.AssertHeard(heard);
        Assert.Equal((sections, end), (heard.Sections.Count, heard.Sections[^1].Ended));
        Assert.Equal((await demo.Submit(request)).Mix.Samples, heard.Mix.Samples);
    }

    [Fact]
    public async Task A_draft_is_streamed_while_stage_1_is_running()
    {
        var output = new OutputSettings { SampleRate = OutputSettings.CodecSampleRateHz, Stems = true };
        var listener = new SoundListener();
        var song = await demo.SubmitHeard(ThreeSections() with { Scope = SongScope.Draft, Output = output }, listener);
        listener.AssertHeard(song);
        Assert.InRange(listener.FirstSoundSeconds, 0.01, 0.5 * song.Timings.Stage1Seconds);
    }

    [Fact]
    public async Task Kept_sections_are_streamed_before_the_new_one_is_sung()
    {
        var draft = await demo.Submit(ThreeSections() with
        {
            Scope = SongScope.Draft,
            Output = new OutputSettings { SampleRate = OutputSettings.CodecSampleRateHz },
        });
        var continued = ThreeSections() with { ReplaceSection = 3, TargetSeconds = [4.4], ContinueFrom = draft.Codes, Seed = 8 };
        var listener = new SoundListener();
        var song = await demo.SubmitHeard(continued, listener);
        listener.AssertHeard(song);
        Assert.InRange(listener.FirstSoundSeconds, 0.01, song.Timings.Stage1Seconds);
        Assert.Equal((await demo.Submit(continued)).Mix.Samples, song.Mix.Samples);

        var finish = new SoundListener();
        var finished = await demo.SubmitHeard(
            ThreeSections() with { Lyrics = "", Scope = SongScope.Finish, ContinueFrom = draft.Codes }, finish);
        finish.AssertHeard(finished);
        Assert.InRange(finish.FirstSoundSeconds, 0.01, 0.8 * finished.Timings.Stage2Seconds);
    }

    [Fact]
    public async Task An_instrumental_song_is_streamed_without_a_vocal_track()
    {
        var listener = new SoundListener();
        var song = await demo.SubmitHeard(DemoEngine.OneSecond() with { Instrumental = true }, listener);
        listener.AssertHeard(song);
        Assert.All(listener.Sounds, sound => Assert.Null(sound.Vocal));
    }

    [Fact]
    public async Task A_listener_that_throws_fails_only_its_own_song()
    {
        var error = await Assert.ThrowsAsync<SongException>(
            () => demo.SubmitHeard(ThreeSections(), new SoundListener(hear: _ => throw new InvalidOperationException("no ear"))));
        Assert.Equal("no ear", error.Message);
        Assert.NotNull(await demo.Submit(DemoEngine.OneSecond()));
    }

    [Fact]
    public async Task A_cancelled_song_is_no_longer_streamed()
    {
        using var cancel = new CancellationTokenSource();
        var listener = new SoundListener(hear: _ => cancel.Cancel());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => demo.SubmitHeard(ThreeSections(), listener, cancel.Token).InTime());
        var heard = listener.Sounds.Count;
        Assert.NotNull(await demo.Submit(DemoEngine.OneSecond()));
        Assert.Equal(heard, listener.Sounds.Count);
        Assert.DoesNotContain(listener.Sounds, sound => sound.IsEnd);
    }

    /// <summary>Returns the song with three sections, made without a listener.</summary>
    private Task<SongResult> AloneAsync() => _alone ??= demo.Submit(ThreeSections() with { Output = Stems });

    private static SongRequest ThreeSections() =>
        new() { Lyrics = "[verse]\nla la\n[chorus]\nlo lo\n[outro]\nla", RunNSegments = 3, TargetSeconds = [4.4, 4.6, 4.4], Seed = 3 };
}
