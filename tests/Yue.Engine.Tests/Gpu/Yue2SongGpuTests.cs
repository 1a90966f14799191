using Xunit;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;
using Yue.Engine.Tests.Yue2;
using Yue.Testing;
using static Yue.Engine.Tests.Yue2.Yue2Requests;

namespace Yue.Engine.Tests.Gpu;

/// <summary>Tests whole YuE 2 songs with the goldens' checkpoint and an engine on a GPU.</summary>
[Trait("Category", "Gpu")]
[Trait("Category", Yue2Goldens.Category)]
public sealed class Yue2SongGpuTests
{
    private const int Context = 1024;
    private const int Second = (25 * 1920) - 64;

    /// <summary>If the sound is equal, all ids are equal, because one different id makes a different song.</summary>
    [Fact]
    public async Task Songs_in_f32_equal_those_of_the_CPU()
    {
        await using var gpu = await StartAsync("f32", songs: 2);
        await using var cpu = new DemoEngine(Options(new EngineOptions { Device = "cpu", ContextTokens = Context }));
        await cpu.InitializeAsync();
        foreach (var request in (SongRequest[])[OneSecond(), Given(), Unplanned(), Given() with { Instrumental = true }])
        {
            var (expected, actual) = (await cpu.Submit(request), await gpu.Submit(request));
            Assert.Equal(expected.Score, actual.Score);
            Assert.Equal(expected.Warnings.Select(WithoutNumbers), actual.Warnings.Select(WithoutNumbers));
            TensorAssert.CloseToPeak(expected.Mix.Samples, actual.Mix.Samples, 1e-3, $"plan {request.Plan}");
        }
    }

    [Theory]
    [InlineData("bf16", "bf16")]
    [InlineData("int8", "fp8")]
    public async Task A_song_is_the_same_alone_and_with_others(string weights, string cache)
    {
        await using var engine = await StartAsync(weights, songs: 4, cache);
        SongRequest[] requests = [ShortScore(), Given(), Unplanned(), Given() with { Seed = 9, TargetSeconds = [3] }];
        var alone = new List<SongResult>();
        foreach (var request in requests)
        {
            alone.Add(await engine.Submit(request));
        }

        var together = await Task.WhenAll(requests.Select(request => engine.Submit(request)));
        Assert.All(alone.Zip(together), pair =>
        {
            Assert.Equal(pair.First.Score, pair.Second.Score);
            Assert.Equal(pair.First.Mix.Samples, pair.Second.Mix.Samples);
        });
        Assert.All(alone, song => Assert.Contains(song.Mix.Samples, sample => sample != 0));
    }

    /// <summary>In an engine for one song at a time, flow matching uses the decoder's cache for prompts.</summary>
    [Fact]
    public async Task An_engine_for_one_song_at_a_time_makes_the_same_songs()
    {
        await using var one = await StartAsync("bf16", songs: 1);
        await using var two = await StartAsync("bf16", songs: 2);
        foreach (var request in (SongRequest[])[Given(), Unplanned(), Given() with { Seed = 3 }])
        {
            Assert.Equal((await two.Submit(request)).Mix.Samples, (await one.Submit(request)).Mix.Samples);
        }
    }

    [Fact]
    public async Task A_song_cancelled_in_any_stage_does_not_change_the_next_one()
    {
        await using var engine = await StartAsync("bf16", songs: 1);
        var expected = await engine.Submit(Given());
        foreach (var stage in (SongStage[])[SongStage.Score, SongStage.Music, SongStage.Flow, SongStage.Decode])
        {
            using var cancel = new CancellationTokenSource();
            var song = engine.Submit(ShortScore(), new ActAt(stage, cancel.Cancel), cancel.Token);
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => song);
            Assert.Equal(expected.Mix.Samples, (await engine.Submit(Given())).Mix.Samples);
        }
    }

    [Fact]
    public async Task Latents_that_are_not_finite_fail_only_their_song()
    {
        TestGpu.Open("bf16").Dispose();
        await using var engine = Changed(
            OnGpu("bf16", "bf16", songs: 2), model => model with { Flow = new BrokenFlow(model.Flow) });
        await engine.InitializeAsync();
        var broken = engine.Submit(Given() with { Sampling = FlowSteps(BrokenFlow.Steps) });
        var other = engine.Submit(Given());
        Assert.Contains("not finite", (await Assert.ThrowsAsync<SongException>(() => broken)).Message, StringComparison.Ordinal);
        Assert.Equal(Second, (await other).Mix.Length);
    }

    [Fact]
    public async Task A_start_with_too_little_memory_fails_and_names_settings_that_help()
    {
        TestGpu.Open("bf16").Dispose();
        var options = OnGpu("bf16", "bf16", songs: 1);
        options.DeviceMemoryMegabytes = 64;
        await using var engine = new DemoEngine(options);
        var error = await Assert.ThrowsAsync<NotSupportedException>(async () => await engine.InitializeAsync());
        Assert.Contains("Weights=int8", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_status_shows_the_models_and_the_planned_memory()
    {
        TestGpu.Open("bf16").Dispose();
        await using var engine = await StartAsync("bf16", songs: 2);
        await Task.WhenAll(engine.Submit(Given() with { TargetSeconds = [5] }), engine.Submit(Unplanned()));
        Assert.Contains(engine.Engine.Status.Models, model => model is { Name: Name, Dtype: "bf16", Loaded: true });
        Assert.Contains(engine.Engine.Status.Models, model => model is { Role: "vae", Dtype: "f32" });
        Assert.InRange(engine.Engine.Status.Memory.PlannedBytes, 1, engine.Engine.Status.Memory.TotalBytes);
    }

    /// <summary>Removes the digits, because rounding can change the number of samples that count as clipped.</summary>
    private static string WithoutNumbers(string warning) => string.Concat(warning.Where(letter => !char.IsAsciiDigit(letter)));

    private static async Task<DemoEngine> StartAsync(string weights, int songs, string? cache = null)
    {
        TestGpu.Open(weights, cache).Dispose();
        var engine = new DemoEngine(OnGpu(weights, cache ?? weights, songs));
        await engine.InitializeAsync();
        return engine;
    }

    private static EngineOptions OnGpu(string weights, string cache, int songs) => Options(new EngineOptions
    {
        Device = "cuda",
        Weights = weights,
        KeyValueCache = cache,
        SongsAtOnce = songs,
        ContextTokens = Context,
    });

    /// <summary>Returns a request for a song whose music leaves space for only a short score in the context.</summary>
    private static SongRequest ShortScore() => OneSecond() with { TargetSeconds = [(Context - 300) / 25] };
}
