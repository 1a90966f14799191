using Xunit;
using Yue.Engine.Families.Yue1.Demo;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;
using Yue.Testing;

namespace Yue.Engine.Tests;

/// <summary>Tests loading and unloading models while the engine is running.</summary>
public sealed class ModelsAtRunTimeTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("yue-models-").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Idle_models_are_unloaded_and_the_next_song_is_the_same()
    {
        using var engine = Engine(idleSeconds: 1);
        engine.Start();
        await engine.Loaded;
        var before = await DemoEngine.SingAsync(engine, DemoEngine.OneSecond());
        await Eventually.TrueAsync(() => engine.Status.IsIdle);
        Assert.Equal(EngineState.Ready, engine.Status.State);
        Assert.All(engine.Status.Models, model => Assert.False(model.Loaded));

        var after = await DemoEngine.SingAsync(engine, DemoEngine.OneSecond());
        Assert.Equal(before.Mix.Samples, after.Mix.Samples);
        await engine.DrainAsync(Cancel);
    }

    [Fact]
    public async Task A_model_and_those_that_only_it_needs_are_unloaded_and_loaded_again()
    {
        using var engine = Engine();
        engine.Start();
        await engine.Loaded;
        Assert.Equal("a b stage2", InMemory());
        Assert.True(await engine.SetLoadedAsync("a", isLoaded: false, Cancel));
        Assert.Equal("b stage2", InMemory());
        Assert.True(await engine.SetLoadedAsync("b", isLoaded: false, Cancel));
        Assert.Equal("", InMemory());
        Assert.True(engine.Status.IsIdle);
        Assert.True(await engine.SetLoadedAsync("b", isLoaded: false, Cancel));

        Assert.True(await engine.SetLoadedAsync("a", isLoaded: true, Cancel));
        Assert.Equal("a stage2", InMemory());
        await DemoEngine.SingAsync(engine, DemoEngine.OneSecond() with { Model = "b" });
        await Eventually.TrueAsync(() => InMemory() == "a b stage2");
        await engine.DrainAsync(Cancel);

        string InMemory() => string.Join(' ', engine.Status.Models
            .Where(model => model is { Loaded: true, Role: "stage1" or "stage2" })
            .Select(model => model.Role == "stage1" ? model.Name : model.Role));
    }

    [Fact]
    public async Task A_model_that_a_song_uses_is_not_unloaded()
    {
        using var engine = Engine();
        engine.Start();
        await engine.Loaded;
        using var leaving = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var begun = new TaskCompletionSource();
        var ticket = new SongTicket(
            DemoEngine.Endless() with { Model = "a" }, new Progress(_ => begun.TrySetResult()), leaving.Token);
        await engine.WhenRoomAsync(Cancel);
        Assert.True(engine.TryAdmit(ticket));
        await begun.Task.WaitAsync(Cancel);
        Assert.False(await engine.SetLoadedAsync("a", isLoaded: false, Cancel));
        Assert.True(await engine.SetLoadedAsync("b", isLoaded: false, Cancel));
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => ticket.Result);
        Assert.True(await engine.SetLoadedAsync("a", isLoaded: false, Cancel));
        await engine.DrainAsync(Cancel);
    }

    [Fact]
    public async Task An_unknown_model_and_an_engine_that_is_not_ready_cause_errors()
    {
        using var engine = Engine();
        await Assert.ThrowsAsync<SongException>(() => engine.SetLoadedAsync("a", isLoaded: true, Cancel));
        engine.Start();
        await engine.Loaded;
        await Assert.ThrowsAsync<SongRequestException>(() => engine.SetLoadedAsync("c", isLoaded: true, Cancel));
        await engine.DrainAsync(Cancel);
        await Assert.ThrowsAsync<SongException>(() => engine.SetLoadedAsync("a", isLoaded: true, Cancel));
    }

    [Fact]
    public async Task A_missing_file_affects_only_the_loading_and_the_songs_of_its_model()
    {
        CopyAll(DemoModel.Folders.Stage1, _folder);
        using var engine = Engine(checkpointOfB: _folder);
        engine.Start();
        await engine.Loaded;
        Assert.True(await engine.SetLoadedAsync("b", isLoaded: false, Cancel));
        var weights = Path.Combine(_folder, "model.safetensors");
        File.Move(weights, weights + ".gone");
        await Assert.ThrowsAsync<SongException>(() => engine.SetLoadedAsync("b", isLoaded: true, Cancel));
        await Assert.ThrowsAnyAsync<SongException>(
            () => DemoEngine.SingAsync(engine, DemoEngine.OneSecond() with { Model = "b" }));
        await DemoEngine.SingAsync(engine, DemoEngine.OneSecond() with { Model = "a" });
        File.Move(weights + ".gone", weights);
        Assert.True(await engine.SetLoadedAsync("b", isLoaded: true, Cancel));
        await engine.DrainAsync(Cancel);
    }

    private static void CopyAll(string from, string to)
    {
        foreach (var file in Directory.GetFiles(from))
        {
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
        }
    }

    private static YueEngine Engine(int idleSeconds = 0, string? checkpointOfB = null)
    {
        var files = DemoModel.Folders;
        var options = new EngineOptions
        {
            Stage2 = files.Stage2,
            Codec = files.Codec,
            Device = "cpu",
            IdleUnloadSeconds = idleSeconds,
        };
        options.Stage1.Add("a", files.Stage1);
        options.Stage1.Add("b", checkpointOfB ?? files.Stage1);
        return DemoEngine.Create(options);
    }

    private sealed class Progress(Action<SongProgress> report) : IProgress<SongProgress>
    {
        public void Report(SongProgress value) => report(value);
    }
}
