using Microsoft.Extensions.Logging.Abstractions;
using Xunit;
using Yue.Engine.Families.Yue1;
using Yue.Engine.Families.Yue1.Demo;
using Yue.Engine.Llama;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;
using Yue.Testing;

namespace Yue.Engine.Tests.Families;

/// <summary>Tests YuE 1 and another model family in one engine.</summary>
public sealed class FamiliesTests : IDisposable
{
    private const string Yue1 = "demo", Fake = "fake";

    private static readonly SongRequest FakeSong = new() { Lyrics = "", Model = Fake, RunNSegments = 3 };

    private readonly TemporaryFolder _folder = new();

    public FamiliesTests() => File.WriteAllText(_folder[FakeFamily.FileName], "{}");

    [Fact]
    public async Task Songs_of_two_families_are_made_together_and_end_independently()
    {
        var (engine, fake) = await StartAsync();
        await using var _ = engine;
        var alone = await engine.Submit(DemoEngine.OneSecond());
        using var cancelFake = new CancellationTokenSource();
        var fakeSteps = new Counter();
        var endlessFake = engine.Submit(FakeSong with { RunNSegments = 0 }, fakeSteps, cancelFake.Token);
        await fakeSteps.First.InTime();

        var yue1Steps = new Counter();
        var before = fakeSteps.Count;
        var beside = await engine.Submit(DemoEngine.OneSecond(), yue1Steps);
        Assert.Equal(alone.Mix.Samples, beside.Mix.Samples);
        Assert.True(fakeSteps.Count - before >= yue1Steps.Count - 1, "the songs did not take turns, one step each");
        Assert.False(endlessFake.IsCompleted);

        using var cancelYue1 = new CancellationTokenSource();
        var endlessYue1 = engine.Submit(DemoEngine.Endless(), null, cancelYue1.Token);
        await cancelFake.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => endlessFake);
        Assert.Equal(48_000, (await engine.Submit(FakeSong)).Mix.SampleRateHz);
        Assert.False(endlessYue1.IsCompleted);
        await cancelYue1.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => endlessYue1);
        Assert.Equal(3, fake.Opened!.Disposed);     // including the warm-up song
    }

    [Fact]
    public async Task Songs_of_one_family_share_its_steps()
    {
        var (engine, fake) = await StartAsync();
        await using var _ = engine;
        using var cancel = new CancellationTokenSource();
        var first = new Counter();
        var endless = engine.Submit(FakeSong with { RunNSegments = 0 }, first, cancel.Token);
        await first.First.InTime();
        await engine.Submit(FakeSong);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => endless);
        Assert.Equal(3, fake.Opened!.Steps.Count(songs => songs == 2));
    }

    [Fact]
    public async Task A_failed_song_does_not_affect_a_song_of_the_other_family()
    {
        var (engine, _) = await StartAsync();
        await using var started = engine;
        using var cancel = new CancellationTokenSource();
        var steps = new Counter();
        var yue1 = engine.Submit(DemoEngine.Endless(), steps, cancel.Token);
        await steps.First.InTime();
        var error = await Assert.ThrowsAsync<SongException>(() => engine.Submit(FakeSong with { Genre = FakeFamily.FailingGenre }));
        Assert.Equal("the fake song fails", error.Message);
        Assert.False(yue1.IsCompleted);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => yue1);

        var fake = engine.Submit(FakeSong with { RunNSegments = 0 }, null, CancellationToken.None);
        await Assert.ThrowsAsync<SongRequestException>(() => engine.Submit(DemoEngine.OneSecond() with { Scope = SongScope.Finish }));
        Assert.False(fake.IsCompleted);
    }

    [Fact]
    public async Task Models_of_two_families_take_turns_in_memory()
    {
        var stage1 = LlamaConfig.Load(DemoModel.Folders.Stage1).Parameters;
        var (engine, fake) = await StartAsync(new FakeFamily(stage1), megabytes: (int)(sizeof(float) * stage1 >> 20) + 1);
        await using (engine)
        {
            var first = await engine.Submit(DemoEngine.OneSecond());
            await engine.Submit(FakeSong);
            var again = await engine.Submit(DemoEngine.OneSecond());
            Assert.Equal(first.Mix.Samples, again.Mix.Samples);
        }

        // The fake model is loaded for the warm-up song and again for the requested song.
        Assert.Equal(["+renderer", "+model", "-model", "+model", "-model", "-renderer"], fake.Opened!.Loads);
    }

    [Fact]
    public async Task The_status_lists_models_and_families_and_an_unknown_model_is_refused()
    {
        var (engine, _) = await StartAsync();
        await using var started = engine;
        Assert.Equal(
            [new ModelDescription(Yue1, Yue1Family.AboutEarly), new ModelDescription(Fake, FakeFamily.About)],
            engine.Engine.Status.SongModels);
        Assert.Contains(engine.Engine.Status.Models, model => model is { Name: Fake, Role: "writer", Loaded: true });
        Assert.Equal(Yue1, (await engine.Submit(DemoEngine.OneSecond())).Model);

        var error = await Assert.ThrowsAsync<SongRequestException>(() => engine.Submit(FakeSong with { Model = "nobody" }));
        Assert.Equal("model: nobody is not configured; available models: demo, fake", error.Message);
    }

    [Theory]
    [InlineData("lyrics", true)]
    [InlineData("sampling.top_k", true)]
    [InlineData("reference.start_seconds", true)]
    [InlineData("sampling", false)]
    [InlineData("sampling.cfg_scale", false)]
    [InlineData("abc", false)]
    public void A_family_supports_its_fields_and_all_fields_of_an_object_that_it_names(string field, bool takes) =>
        Assert.Equal(takes, Yue1Family.About.Supports(field));

    public void Dispose() => _folder.Dispose();

    private async Task<(DemoEngine Engine, FakeFamily Fake)> StartAsync(FakeFamily? fake = null, int megabytes = 0)
    {
        fake ??= new FakeFamily();
        var folders = DemoModel.Folders;
        var options = new EngineOptions
        {
            Stage1 = { [Yue1] = folders.Stage1, [Fake] = Path.GetDirectoryName(_folder[FakeFamily.FileName])! },
            Stage2 = folders.Stage2,
            Codec = folders.Codec,
            Device = "cpu",
            SongsAtOnce = 3,
            DeviceMemoryMegabytes = megabytes,
        };
        var engine = new DemoEngine(new YueEngine(options, [.. ModelFamilies.Of(options), fake], NullLogger<YueEngine>.Instance));
        await engine.InitializeAsync();
        return (engine, fake);
    }

    /// <summary>Counts a song's steps.</summary>
    private sealed class Counter : IProgress<SongProgress>
    {
        private readonly TaskCompletionSource _first = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _count;

        public int Count => Volatile.Read(ref _count);

        public Task First => _first.Task;

        public void Report(SongProgress value)
        {
            Interlocked.Increment(ref _count);
            _first.TrySetResult();
        }
    }
}
