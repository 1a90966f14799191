using System.Collections.Concurrent;
using System.Diagnostics;
using TorchSharp;
using Xunit;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;
using Yue.Testing;

namespace Yue.Engine.Tests;

public sealed class YueEngineTests(DemoEngine demo) : IClassFixture<DemoEngine>
{
    [Fact]
    public async Task A_song_is_made_in_all_stages_and_has_sound()
    {
        var song = await demo.Submit(DemoEngine.OneSecond());

        Assert.Equal(44_100, song.Mix.SampleRateHz);
        Assert.Equal(50 * 882, song.Mix.Samples.Length);
        Assert.All(song.Mix.Samples, sample => Assert.True(float.IsFinite(sample)));
        Assert.InRange(song.Mix.Samples.Max(Math.Abs), 0.01f, 1f);
        Assert.Equal("demo", song.Model);
        var section = Assert.Single(song.Sections);
        Assert.Equal(("verse", 1.0, 100, SectionEnd.MaxNewTokens), (section.Tag, section.DurationSeconds, section.Tokens, section.Ended));
        Assert.True(song.Timings.Stage1Seconds > 0 && song.Timings.Stage2Seconds > 0 && song.Timings.DecodeSeconds > 0);
        Assert.Equal(
            [
                "section 1 [verse] did not end on its own and was cut at its limit of 1 s (max_new_tokens); "
                    + "raise max_new_tokens, or expect an abrupt end",
                "the last section was cut at its limit: the last 0.5 s are faded out (output.fade_out_seconds)",
            ],
            song.Warnings);
        Assert.Null(song.Vocal);
    }

    [Fact]
    public async Task The_same_seed_gives_the_same_samples_and_another_seed_does_not()
    {
        var first = await demo.Submit(DemoEngine.OneSecond(seed: 5));
        var again = await demo.Submit(DemoEngine.OneSecond(seed: 5));
        var other = await demo.Submit(DemoEngine.OneSecond(seed: 6));

        Assert.Equal(first.Mix.Samples, again.Mix.Samples);
        Assert.NotEqual(first.Mix.Samples, other.Mix.Samples);
    }

    [Fact]
    public async Task Stems_have_the_rate_of_the_mix()
    {
        foreach (var rate in (int[])[16_000, 44_100])
        {
            var song = await demo.Submit(DemoEngine.OneSecond() with { Output = new OutputSettings { SampleRate = rate, Stems = true } });
            Assert.Equal(rate, song.Mix.Samples.Length);
            Assert.Equal(rate, song.Vocal!.Samples.Length);
            Assert.Equal(rate, song.Instrumental!.Samples.Length);
            Assert.NotEqual(song.Vocal.Samples, song.Instrumental.Samples);
        }
    }

    [Fact]
    public async Task Sections_not_requested_and_text_without_a_tag_cause_warnings()
    {
        var song = await demo.Submit(DemoEngine.OneSecond() with { Lyrics = "no tag here\n[chorus]\nla\n[outro]\nla", RunNSegments = 2 });

        Assert.Equal(["verse", "chorus"], song.Sections.Select(section => section.Tag));
        Assert.Contains(song.Warnings, warning => warning.Contains("[verse]", StringComparison.Ordinal));
        Assert.Contains(song.Warnings, warning => warning.Contains("[outro]", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Progress_passes_through_the_stages_and_never_decreases()
    {
        var seen = new ConcurrentQueue<SongProgress>();
        await demo.Submit(DemoEngine.OneSecond(), new Reporter(seen.Enqueue));

        Assert.Equal([SongStage.Stage1, SongStage.Stage2, SongStage.Decode], seen.Select(progress => progress.Stage).Distinct());
        Assert.Equal(seen.Select(progress => progress.Fraction).Order(), seen.Select(progress => progress.Fraction));
        Assert.Equal(1, seen.Last().Fraction, 6);
    }

    [Theory]
    [InlineData(SongStage.Stage1)]
    [InlineData(SongStage.Stage2)]
    [InlineData(SongStage.Decode)]
    public async Task A_song_cancelled_in_any_stage_takes_no_further_step(SongStage stage)
    {
        var request = stage == SongStage.Stage1 ? DemoEngine.Endless() : DemoEngine.OneSecond() with { MaxNewTokens = 1200 };
        using var cancel = new CancellationTokenSource();
        var later = new ConcurrentQueue<SongProgress>();
        var song = demo.Submit(request, new Reporter(progress =>
        {
            if (cancel.IsCancellationRequested)
            {
                later.Enqueue(progress);
            }
            else if (progress.Stage == stage)
            {
                cancel.Cancel();
            }
        }), cancel.Token);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => song.InTime());
        Assert.Empty(later);
        Assert.NotNull(await demo.Submit(DemoEngine.OneSecond()));
    }

    [Fact]
    public async Task Every_piece_of_a_long_prompt_is_a_step_of_a_running_song()
    {
        var seen = new List<(SongProgress Progress, EngineStatus Status, long At)>();
        await demo.Submit(LongPrompt(), new Reporter(progress => seen.Add((progress, demo.Engine.Status, Stopwatch.GetTimestamp()))));

        var reading = seen.TakeWhile(report => report.Progress.Done == 0).ToArray();
        Assert.InRange(reading.Length, 4, 20);      // one report at the beginning, and one per 512 ids
        Assert.All(reading, report => Assert.Equal(
            (SongStage.Stage1, 1, 1), (report.Progress.Stage, report.Progress.Section, report.Status.Running)));
        Assert.Equal(0, reading[0].Progress.Fraction);
        foreach (var (before, now) in reading.Zip(reading.Skip(1)))
        {
            Assert.True(now.Progress.Fraction > before.Progress.Fraction);
            Assert.True(now.Status.InStep <= Stopwatch.GetElapsedTime(before.At, now.At), "two pieces were read in one step");
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task A_song_cancelled_while_its_prompt_is_being_read_ends_before_the_next_piece(int pieces)
    {
        using var cancel = new CancellationTokenSource();
        var reports = new List<SongProgress>();
        var song = demo.Submit(LongPrompt(), new Reporter(progress =>
        {
            reports.Add(progress);
            if (reports.Count == pieces)
            {
                cancel.Cancel();
            }
        }), cancel.Token);
        var next = demo.Submit(DemoEngine.OneSecond());

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => song);
        Assert.NotNull(await next);
        Assert.Equal(pieces, reports.Count);
        Assert.All(reports, report => Assert.Equal(0, report.Done));
    }

    [Fact]
    public async Task No_song_is_admitted_until_the_running_one_frees_its_slot()
    {
        using var cancel = new CancellationTokenSource();
        using var step = new StepGate(isOpen: true);
        var running = demo.Submit(DemoEngine.Endless(), step, cancel.Token);
        await step.Reached.InTime();

        Assert.Equal(1, demo.Engine.Status.SongsAtOnce);
        Assert.False(demo.Engine.TryAdmit(new SongTicket(DemoEngine.OneSecond(), null, CancellationToken.None)));
        var room = demo.Engine.WhenRoomAsync(CancellationToken.None);
        Assert.False(room.IsCompleted);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
        await room.InTime();
        Assert.NotNull(await demo.Submit(DemoEngine.OneSecond()));
    }

    [Fact]
    public async Task Callers_that_compete_for_one_free_slot_are_all_served_in_turn()
    {
        var songs = Enumerable.Range(0, 6).Select(seed => demo.Submit(DemoEngine.OneSecond(seed))).ToArray();
        var made = await Task.WhenAll(songs);
        Assert.Equal(Enumerable.Range(0, 6).Select(seed => (long)seed), made.Select(song => song.Seed));
    }

    [Fact]
    public async Task A_song_that_cannot_be_made_does_not_affect_the_next_one()
    {
        var unknown = await Assert.ThrowsAsync<SongRequestException>(() => demo.Submit(DemoEngine.OneSecond() with { Model = "nobody" }));
        Assert.Equal("model: nobody is not configured; available models: demo", unknown.Message);
        await Assert.ThrowsAsync<SongRequestException>(() => demo.Submit(DemoEngine.OneSecond() with { Lyrics = new string('语', 20_000) }));
        Assert.NotNull(await demo.Submit(DemoEngine.OneSecond()));
    }

    [Fact]
    public async Task Songs_leave_no_tensor_behind()
    {
        await demo.Submit(DemoEngine.OneSecond());
        var before = torch.Tensor.TotalCount;
        await demo.Submit(DemoEngine.OneSecond(seed: 9));
        await demo.Submit(DemoEngine.OneSecond(seed: 10));
        Assert.Equal(before, torch.Tensor.TotalCount);
    }

    [Fact]
    public async Task Draining_lets_the_running_song_finish_and_admits_no_other()
    {
        using var engine = DemoEngine.Create(new EngineOptions());
        engine.Start();
        await engine.Loaded;
        using var step = new StepGate(isOpen: false);
        var running = DemoEngine.SingAsync(engine, DemoEngine.OneSecond(), step);
        await step.Reached.InTime();
        var waiting = DemoEngine.SingAsync(engine, DemoEngine.OneSecond());

        var drained = engine.DrainAsync(CancellationToken.None);
        Assert.Equal(EngineState.Draining, engine.Status.State);
        Assert.False(engine.TryAdmit(new SongTicket(DemoEngine.OneSecond(), null, CancellationToken.None)));
        await Assert.ThrowsAsync<SongException>(() => waiting.InTime());
        step.Open();
        Assert.NotNull(await running);
        await drained;
    }

    [Fact]
    public async Task Cancelling_a_drain_cancels_the_running_song()
    {
        using var engine = DemoEngine.Create(new EngineOptions());
        engine.Start();
        await engine.Loaded;
        using var step = new StepGate(isOpen: true);
        var running = DemoEngine.SingAsync(engine, DemoEngine.Endless(), step);
        await step.Reached.InTime();

        await engine.DrainAsync(new CancellationToken(canceled: true));

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
    }

    /// <summary>Returns a request for a short song whose prompt has several pieces.</summary>
    private static SongRequest LongPrompt() => DemoEngine.OneSecond() with
    {
        Lyrics = $"[verse]\n{string.Concat(Enumerable.Repeat("la ", 1000))}",
        Scope = SongScope.Draft,
        Output = new OutputSettings { SampleRate = OutputSettings.CodecSampleRateHz },
    };

    /// <summary>Signals the first step of a song, and blocks the engine's thread in that step until the gate is open.</summary>
    private sealed class StepGate(bool isOpen) : IProgress<SongProgress>, IDisposable
    {
        private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly ManualResetEventSlim _open = new(isOpen);

        public Task Reached => _reached.Task;

        public void Open() => _open.Set();

        public void Report(SongProgress value)
        {
            _reached.TrySetResult();
            _open.Wait();
        }

        public void Dispose() => _open.Dispose();
    }

    private sealed class Reporter(Action<SongProgress> report) : IProgress<SongProgress>
    {
        public void Report(SongProgress value) => report(value);
    }
}
