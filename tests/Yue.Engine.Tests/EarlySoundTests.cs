using System.Collections.Concurrent;
using System.Diagnostics;
using Xunit;
using Yue.Engine.Songs;
using Yue.Testing;

namespace Yue.Engine.Tests;

/// <summary>Songs that somebody listens to while they are made.</summary>
public sealed class EarlySoundTests(DemoEngine demo) : IClassFixture<DemoEngine>
{
    private static readonly OutputSettings Stems = new() { Stems = true };

    [Fact]
    public async Task A_song_is_the_same_with_and_without_a_listener()
    {
        var request = ThreeSections() with { Output = Stems };
        var alone = await demo.Submit(request);
        var listener = new Listener();
        var heard = await demo.SubmitHeard(request, listener);

        Assert.True(alone.Codes.Frames > 860);
        Assert.Equal(alone.Mix.Samples, heard.Mix.Samples);
        Assert.Equal(alone.Vocal!.Samples, heard.Vocal!.Samples);
        Assert.Equal(alone.Instrumental!.Samples, heard.Instrumental!.Samples);
        Assert.Equal(alone.Warnings, heard.Warnings);
        listener.AssertHeard(heard);
        Assert.True(listener.Sounds.Count >= 4);
        Assert.InRange(listener.FirstSoundSeconds, 0.01, 0.9 * heard.Timings.Stage1Seconds);
    }

    [Fact]
    public async Task A_listener_that_comes_late_and_goes_early_does_not_change_the_song()
    {
        var alone = await demo.Submit(ThreeSections());
        var asked = 0;
        var listener = new Listener(() => ++asked is > 800 and < 1200);
        var heard = await demo.SubmitHeard(ThreeSections(), listener);
        Assert.True(asked > 1200);
        Assert.Equal(alone.Mix.Samples, heard.Mix.Samples);
        listener.AssertHeard(heard);
    }

    [Fact]
    public async Task Sound_that_nobody_listens_to_comes_after_stage_1()
    {
        var listener = new Listener(() => false);
        var song = await demo.SubmitHeard(ThreeSections(), listener);
        listener.AssertHeard(song);
        Assert.True(listener.FirstSoundSeconds > song.Timings.Stage1Seconds);
    }

    [Theory]
    [InlineData(1.0)]
    [InlineData(0.0)]
    [InlineData(30.0)]
    public async Task The_end_of_a_cut_song_is_heard_faded_out(double fadeSeconds)
    {
        var request = ThreeSections() with { RunNSegments = 1, TargetSeconds = [3], Output = Stems with { FadeOutSeconds = fadeSeconds } };
        var listener = new Listener();
        var song = await demo.SubmitHeard(request, listener);
        listener.AssertHeard(song);
        Assert.Equal(fadeSeconds > 0 && song.Sections[^1].Ended == SectionEnd.MaxNewTokens, song.Vocal!.Samples[^1] == 0);
    }

    [Fact]
    public async Task A_draft_is_heard_while_stage_1_writes()
    {
        var output = new OutputSettings { SampleRate = OutputSettings.CodecSampleRateHz, Stems = true };
        var listener = new Listener();
        var song = await demo.SubmitHeard(ThreeSections() with { Scope = SongScope.Draft, Output = output }, listener);
        listener.AssertHeard(song);
        Assert.InRange(listener.FirstSoundSeconds, 0.01, 0.5 * song.Timings.Stage1Seconds);
    }

    [Fact]
    public async Task Kept_sections_are_heard_before_the_new_one_is_sung()
    {
        var draft = await demo.Submit(ThreeSections() with
        {
            Scope = SongScope.Draft,
            Output = new OutputSettings { SampleRate = OutputSettings.CodecSampleRateHz },
        });
        var continued = ThreeSections() with { ReplaceSection = 3, TargetSeconds = [6.5], ContinueFrom = draft.Codes, Seed = 8 };
        var listener = new Listener();
        var song = await demo.SubmitHeard(continued, listener);
        listener.AssertHeard(song);
        Assert.InRange(listener.FirstSoundSeconds, 0.01, song.Timings.Stage1Seconds);
        Assert.Equal((await demo.Submit(continued)).Mix.Samples, song.Mix.Samples);

        var finish = new Listener();
        var finished = await demo.SubmitHeard(
            ThreeSections() with { Lyrics = "", Scope = SongScope.Finish, ContinueFrom = draft.Codes }, finish);
        finish.AssertHeard(finished);
        Assert.InRange(finish.FirstSoundSeconds, 0.01, 0.8 * finished.Timings.Stage2Seconds);
    }

    [Fact]
    public async Task An_instrumental_song_is_heard_without_tracks()
    {
        var listener = new Listener();
        var song = await demo.SubmitHeard(DemoEngine.OneSecond() with { Instrumental = true }, listener);
        listener.AssertHeard(song);
        Assert.All(listener.Sounds, sound => Assert.Null(sound.Vocal));
    }

    [Fact]
    public async Task A_song_whose_listener_fails_fails_alone()
    {
        var error = await Assert.ThrowsAsync<SongException>(
            () => demo.SubmitHeard(ThreeSections(), new Listener(hear: _ => throw new InvalidOperationException("no ear"))));
        Assert.Equal("no ear", error.Message);
        Assert.NotNull(await demo.Submit(DemoEngine.OneSecond()));
    }

    [Fact]
    public async Task A_cancelled_song_is_not_heard_any_more()
    {
        using var cancel = new CancellationTokenSource();
        var listener = new Listener(hear: _ => cancel.Cancel());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => demo.SubmitHeard(ThreeSections(), listener, cancel.Token).InTime());
        var heard = listener.Sounds.Count;
        Assert.NotNull(await demo.Submit(DemoEngine.OneSecond()));
        Assert.Equal(heard, listener.Sounds.Count);
        Assert.DoesNotContain(listener.Sounds, sound => sound.IsEnd);
    }

    private static SongRequest ThreeSections() =>
        new() { Lyrics = "[verse]\nla la\n[chorus]\nlo lo\n[outro]\nla", RunNSegments = 3, TargetSeconds = [6.5, 6.7, 6.5], Seed = 3 };

    private sealed class Listener(Func<bool>? isListening = null, Action<SongSound>? hear = null) : ISongListener
    {
        private readonly long _created = Stopwatch.GetTimestamp();
        private double? _firstSound;

        public bool IsListening => isListening?.Invoke() ?? true;

        public double PlayedSeconds =>
            _firstSound is { } first ? Stopwatch.GetElapsedTime(_created).TotalSeconds - first : 0;

        public ConcurrentQueue<SongSound> Sounds { get; } = [];

        public double FirstSoundSeconds => _firstSound ?? double.MaxValue;

        public void Hear(SongSound sound)
        {
            _firstSound ??= Stopwatch.GetElapsedTime(_created).TotalSeconds;
            Sounds.Enqueue(sound);
            hear?.Invoke(sound);
        }

        /// <summary>Checks that the song was heard once, in order: its tracks exactly, and its mix but for the level of the low
        /// band.</summary>
        public void AssertHeard(SongResult song)
        {
            var next = 0;
            Assert.All(Sounds, sound =>
            {
                Assert.Equal((next, song.Mix.SampleRateHz), (sound.Start, sound.SampleRateHz));
                next += sound.Mix.Length;
            });
            Assert.Equal(song.Mix.Samples.Length, next);
            Assert.Equal([.. Enumerable.Repeat(false, Sounds.Count - 1), true], Sounds.Select(sound => sound.IsEnd));
            if (song.Vocal is not null)
            {
                Assert.Equal(song.Vocal.Samples, Sounds.SelectMany(sound => sound.Vocal!));
                Assert.Equal(song.Instrumental!.Samples, Sounds.SelectMany(sound => sound.Instrumental!));
            }

            float[] mix = [.. Sounds.SelectMany(sound => sound.Mix)];
            if (song.Mix.SampleRateHz == OutputSettings.CodecSampleRateHz)
            {
                Assert.Equal(song.Mix.Samples, mix);
                return;
            }

            Assert.True(Correlation(song.Mix.Samples, mix) > 0.98);
        }

        private static double Correlation(float[] a, float[] b)
        {
            static double Dot(float[] a, float[] b) => a.Zip(b, (x, y) => (double)x * y).Sum();

            return Dot(a, b) / Math.Sqrt(Dot(a, a) * Dot(b, b));
        }
    }
}
