using Xunit;
using Yue.Engine.Audio;
using Yue.Engine.Families.Yue1.Demo;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;
using Yue.Engine.Tests.Audio;

namespace Yue.Engine.Tests;

public sealed class ReferenceSongTests(DemoEngine demo) : IClassFixture<DemoEngine>
{
    private static readonly SongReference Clip = new()
    {
        Tracks = [new AudioClip(Signals.Noise(5 * 16_000, 0.3f), SongReference.SampleRateHz)],
        EndSeconds = 4,
    };

    [Fact]
    public async Task A_reference_clip_changes_the_song_and_is_described_in_the_result()
    {
        var plain = await demo.Submit(DemoEngine.OneSecond());
        var styled = await demo.Submit(DemoEngine.OneSecond() with { Reference = Clip });
        var again = await demo.Submit(DemoEngine.OneSecond() with { Reference = Clip });

        Assert.Null(plain.Reference);
        Assert.NotEqual(plain.Mix.Samples, styled.Mix.Samples);
        Assert.Equal(styled.Mix.Samples, again.Mix.Samples);
        Assert.Equal((4.0, 1, false), (styled.Reference!.Seconds, styled.Reference.Tracks, styled.Reference.FromCache));
        Assert.True(again.Reference!.FromCache);
        Assert.True(styled.Reference.EncodeSeconds > 0);
        Assert.Empty(ReferenceWarnings(styled));
    }

    [Fact]
    public async Task A_song_can_be_cancelled_before_its_clip_is_encoded()
    {
        using var cancel = new CancellationTokenSource();
        var track = new AudioClip(Signals.Noise(5 * 16_000, 0.1f), SongReference.SampleRateHz);
        var request = DemoEngine.OneSecond() with { Reference = Clip with { Tracks = [track] } };
        var song = demo.Submit(request, new FirstReport(cancel.Cancel), cancel.Token);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => song);
        Assert.False((await demo.Submit(request)).Reference!.FromCache);
    }

    [Fact]
    public async Task A_clip_that_leaves_no_room_for_the_song_is_named_in_the_error()
    {
        // The clip differs from those of other tests, because the engine caches codes.
        var track = new AudioClip(Signals.Noise(5 * 16_000, 0.2f), SongReference.SampleRateHz);
        var clip = Clip with { Tracks = [track, track], EndSeconds = 5 };
        var request = DemoEngine.OneSecond() with
        {
            Reference = clip,
            MaxNewTokens = 10_000,
            Lyrics = $"[verse]\n{string.Concat(Enumerable.Repeat("la ", 6000))}",
        };
        var error = await Assert.ThrowsAsync<SongRequestException>(() => demo.Submit(request));
        Assert.Contains("the reference clip", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_reference_clip_for_a_cot_checkpoint_causes_a_warning()
    {
        var folders = DemoModel.Folders;
        var options = new EngineOptions { Stage2 = folders.Stage2, Codec = folders.Codec };
        options.Stage1["zh-icl"] = folders.Stage1;
        options.Stage1["en-cot"] = folders.Stage1;
        using var engine = DemoEngine.Create(options);
        engine.Start();
        await engine.Loaded;

        Task<SongResult> SingAsync(string model) =>
            DemoEngine.SingAsync(engine, DemoEngine.OneSecond() with { Reference = Clip, Model = model });

        Assert.Contains(
            "en-cot is a cot checkpoint", Assert.Single(ReferenceWarnings(await SingAsync("en-cot"))), StringComparison.Ordinal);
        Assert.Empty(ReferenceWarnings(await SingAsync("zh-icl")));
    }

    private static IEnumerable<string> ReferenceWarnings(SongResult song) =>
        song.Warnings.Where(warning => warning.StartsWith("reference", StringComparison.Ordinal));

    private sealed class FirstReport(Action act) : IProgress<SongProgress>
    {
        public void Report(SongProgress value)
        {
            Assert.Equal((SongStage.Stage1, 0L), (value.Stage, value.Done));
            act();
        }
    }
}
